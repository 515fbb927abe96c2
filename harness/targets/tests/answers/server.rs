//! A control plane on loopback: it hands calls on to a sandbox and keeps the answers, and on a lane gives them damaged.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::damage::{Answer, damage};

#[derive(Clone)]
pub struct Server {
    address: String,
    kept: Arc<Mutex<HashMap<String, Answer>>>,
    /// The seed of a lane's damage, and what it was.
    lanes: Arc<Mutex<HashMap<usize, (u64, &'static str)>>>,
}

impl Server {
    pub async fn start(sandbox: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { address, kept: Arc::default(), lanes: Arc::default() };
        let (serving, sandbox) = (server.clone(), sandbox.strip_prefix("http://").unwrap().to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, sandbox) = (serving.clone(), sandbox.clone());
                // A client that hangs up in the midst of an answer is no trouble.
                tokio::spawn(async move { serving.serve(stream, &sandbox).await.unwrap_or_default() });
            }
        });
        server
    }

    pub fn endpoint(&self, lane: Option<usize>) -> String {
        match lane {
            Some(lane) => format!("http://{}/lane/{lane}", self.address),
            None => format!("http://{}", self.address),
        }
    }

    /// Whether it has an answer to an action.
    pub fn knows(&self, action: &str) -> bool {
        self.kept.lock().unwrap().contains_key(action)
    }

    /// From now on the answers on a lane are damaged so.
    pub fn damage(&self, lane: usize, seed: u64) {
        self.lanes.lock().unwrap().insert(lane, (seed, "never asked"));
    }

    /// What was done to the last answer on a lane.
    pub fn damaged(&self, lane: usize) -> &'static str {
        self.lanes.lock().unwrap()[&lane].1
    }

    async fn serve(&self, mut stream: TcpStream, sandbox: &str) -> std::io::Result<()> {
        let (head, body) = message(&mut stream, true).await?;
        let path = head.split(' ').nth(1).unwrap_or_default();
        let lane = path.strip_prefix("/lane/").and_then(|rest| rest.split('/').next()?.parse().ok());
        let action = action(&head, &body);
        let answer = match lane {
            None => {
                let answer = ask(sandbox, &head, &body).await?;
                self.kept.lock().unwrap().insert(action, answer.clone());
                answer
            }
            Some(lane) => {
                let mut answer = self.kept.lock().unwrap()[&action].clone();
                let mut lanes = self.lanes.lock().unwrap();
                let (seed, what) = lanes.get_mut(&lane).unwrap();
                *what = damage(&mut answer, *seed);
                answer
            }
        };
        let length = answer.length.unwrap_or_else(|| answer.body.len().to_string());
        let head = format!(
            "HTTP/1.1 {} X\r\nContent-Type: {}\r\nDate: {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
            answer.status, answer.content_type, answer.date
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&answer.body).await?;
        stream.shutdown().await
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn action(head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let body = String::from_utf8_lossy(body);
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    action.unwrap_or_default().to_owned()
}

/// Head and body of a request, or of an answer, which may end with its connection.
async fn message(stream: &mut TcpStream, request: bool) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            break (String::from_utf8_lossy(&bytes).into_owned(), body);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let (head, mut body) = head;
    match header(&head, "content-length").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => {
            while body.len() < length {
                if stream.read_buf(&mut body).await? == 0 {
                    break;
                }
            }
        }
        None if request => {}
        None => {
            stream.read_to_end(&mut body).await?;
        }
    }
    Ok((head, body))
}

async fn ask(sandbox: &str, head: &str, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(sandbox).await?;
    let lines = head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    let (head, body) = message(&mut stream, false).await?;
    let of = |name: &str| header(&head, name).unwrap_or_default().to_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Answer { status, content_type: of("content-type"), date: of("date"), body, length: None })
}
