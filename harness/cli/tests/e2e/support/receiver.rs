//! A small HTTP server that keeps what it was sent and answers as a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// With this status line.
    Status(&'static str),
    /// With a redirect to its own path `/elsewhere`.
    Redirect,
    /// By ending the connection.
    Close,
    /// Not at all.
    Nothing,
}

/// A request that arrived whole.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// The head's lines, the first one apart.
    pub head: String,
    pub body: String,
}

/// A server of this process's own, which ends with it.
pub struct Receiver {
    address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        std::thread::spawn(move || {
            // Those that are not answered have to stay open.
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let limited = stream.set_read_timeout(Some(Duration::from_secs(30)));
                let Some(request) = limited.ok().and_then(|()| read(&stream)) else { continue };
                kept.lock().expect("what was received").push(request);
                open.extend(respond(stream, answer));
            }
        });
        Self { address, received }
    }

    /// Where a path of it is.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All that arrived by now.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("what was received").clone()
    }

    /// The only request that arrived.
    #[track_caller]
    pub fn only(&self) -> Received {
        let all = self.received();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let head = lines[1..].join("\n");
    let length = |line: &str| {
        line.to_ascii_lowercase().strip_prefix("content-length:").and_then(|text| text.trim().parse().ok())
    };
    let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, path, head, body: String::from_utf8(body).ok()? })
}

/// Gives the connection back where it is to stay open.
fn respond(mut stream: TcpStream, answer: Answer) -> Option<TcpStream> {
    let (status, more) = match answer {
        Answer::Status(status) => (status, ""),
        Answer::Redirect => ("302 Found", "Location: /elsewhere\r\n"),
        Answer::Close => return None,
        Answer::Nothing => return Some(stream),
    };
    let body = "a body that nobody is to repeat";
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    None
}
