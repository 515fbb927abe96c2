//! One HTTP request on a connection of its own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Status and body of the answer.
pub fn request(endpoint: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    request_with(endpoint, method, path, "Content-Type: application/json", body)
}

/// The same with headers of its own.
pub fn request_with(endpoint: &str, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let address = endpoint.strip_prefix("http://").expect("http");
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).expect("a status line").parse().expect("a status");
    (status, body.to_owned())
}
