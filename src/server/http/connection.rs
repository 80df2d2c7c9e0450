//! One HTTP connection: requests in, answers out, one after the other.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::mailbox::Mailbox;
use super::request::{HEAD_MAX, Parsed, parse};
use super::routes::{Answer, Body, answer};

/// How long a request may take to come, and how long a connection may idle.
const READING: Duration = Duration::from_secs(15);
/// How long a piece of an answer may take to go.
const WRITING: Duration = Duration::from_secs(30);
/// How long the other side may take to see that it is over.
const LINGERING: Duration = Duration::from_secs(2);
/// A piece of a file.
const PIECE: usize = 64 * 1024;

/// Serves until the other side has enough, is too slow, or doesn't speak HTTP.
pub async fn serve(mut stream: TcpStream, _peer: SocketAddr, listener: usize, mailbox: &Mailbox) {
    let mut bytes = Vec::new();
    loop {
        let request = match timeout(READING, read_head(&mut stream, &mut bytes)).await {
            Ok(Ok(Some(request))) => request,
            Ok(Ok(None)) => {
                let head = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = timeout(WRITING, stream.write_all(head.as_bytes())).await;
                return finish(stream).await;
            }
            _ => return,
        };
        let answer = answer(&request, listener, mailbox).await;
        let sent = send(&mut stream, answer, request.keep_alive).await;
        if sent.is_err() || !request.keep_alive {
            return finish(stream).await;
        }
    }
}

/// Says that nothing more comes, and throws away what the other side still sends: closing with unread input would
/// reset the connection and could take the answer with it.
async fn finish(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let mut piece = [0; 4096];
        for _ in 0..64 {
            match stream.read(&mut piece).await {
                Ok(count) if count > 0 => {}
                _ => break,
            }
        }
    };
    let _ = timeout(LINGERING, drain).await;
}

/// The next request; `None`: what comes is none.
async fn read_head(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> io::Result<Option<super::request::Request>> {
    loop {
        match parse(bytes) {
            Parsed::Whole(request, length) => {
                bytes.drain(..length);
                return Ok(Some(request));
            }
            Parsed::Partial if bytes.len() < HEAD_MAX => {}
            Parsed::Partial | Parsed::Bad => return Ok(None),
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

async fn send(stream: &mut TcpStream, answer: Answer, keep_alive: bool) -> io::Result<()> {
    let length = match &answer.body {
        Body::Text(text) => text.len() as u64,
        Body::File(found) => found.length,
    };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n{}{}\r\n",
        answer.status,
        answer.media_type,
        answer.headers,
        if keep_alive { "" } else { "Connection: close\r\n" }
    );
    match answer.body {
        Body::Text(text) => write(stream, &[head.as_bytes(), text.as_bytes()].concat()).await,
        Body::File(found) => {
            write(stream, head.as_bytes()).await?;
            let mut file = found.file.take(length);
            let mut piece = vec![0; PIECE];
            let mut left = length;
            while left > 0 {
                // This thread serves nobody else than those who read files and figures.
                let count = file.read(&mut piece)?;
                if count == 0 {
                    // It has become shorter: the length was promised.
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                write(stream, &piece[..count]).await?;
                left -= count as u64;
            }
            Ok(())
        }
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    timeout(WRITING, stream.write_all(bytes)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
