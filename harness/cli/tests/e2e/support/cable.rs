//! A TCP connection through this process, which a test can cut and mend.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A loopback port that leads to another, as long as it is not cut.
pub struct Cable {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cut: bool,
    streams: Vec<TcpStream>,
}

impl Cable {
    /// Leads to an address of this machine; it ends with this process.
    pub fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let (address, shared) = (address.to_owned(), state.clone());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let mut state = shared.lock().expect("not poisoned");
                // A connection to a cut cable ends at once, as one that a firewall resets.
                let Some(far) = (!state.cut).then(|| TcpStream::connect(&address).ok()).flatten() else {
                    continue;
                };
                let pairs = [(&near, &far), (&far, &near)];
                for (from, to) in pairs.map(|(from, to)| (clone(from), clone(to))) {
                    std::thread::spawn(move || copy(from, to));
                }
                state.streams.extend([near, far]);
            }
        });
        Self { port, state }
    }

    /// Ends every connection, and all that are made until it is mended.
    pub fn cut(&self) {
        let mut state = self.state.lock().expect("not poisoned");
        state.cut = true;
        for stream in state.streams.drain(..) {
            // One that has ended by itself is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.state.lock().expect("not poisoned").cut = false;
    }
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a handle")
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
