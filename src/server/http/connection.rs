//! One HTTP connection: requests in, answers out, one after the other.

use std::io::{self, Read};
use std::time::Duration;

use tokio::time::timeout;

use super::channel::Channel;
use super::files::Found;
use super::mailbox::Mailbox;
use super::places::Place;
use super::request::{HEAD_MAX, Parsed, Request, parse};
use super::routes::{Answer, Body, answer};
use crate::broker::Peer;
use crate::server::layers::Layers;

/// How long a request may take to come, and how long a connection may idle.
const READING: Duration = Duration::from_secs(15);
/// How long a piece of an answer may take to go.
const WRITING: Duration = Duration::from_secs(30);
/// How long the other side may take to see that it is over.
const LINGERING: Duration = Duration::from_secs(2);
/// A piece of a file.
const PIECE: usize = 32 * 1024;

/// Serves until the other side has enough, is too slow, or doesn't speak HTTP.
pub async fn serve(layers: Layers, peer: Peer, listener: usize, mailbox: &Mailbox, place: &Place) {
    let Ok(mut channel) = Channel::new(layers, peer) else { return };
    let (mut bytes, mut identity) = (Vec::new(), None);
    loop {
        place.reads();
        let request = match timeout(READING, read_head(&mut channel, &mut bytes)).await {
            Ok(Ok(Some(request))) => request,
            Ok(Ok(None)) => {
                let head = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = write(&mut channel, head.as_bytes(), place).await;
                return finish(channel).await;
            }
            Ok(Err(error)) => {
                return channel.notice(&error).into_iter().for_each(|notice| mailbox.note(notice));
            }
            Err(_) => return,
        };
        place.works();
        identity = channel.take_identity().or(identity);
        let answer = answer(&request, identity.as_deref(), listener, mailbox).await;
        let sent = send(&mut channel, answer, false, request.keep_alive, place).await;
        if sent.is_err() || !request.keep_alive {
            place.reads();
            return finish(channel).await;
        }
    }
}

/// Says that nothing more comes, and throws away what the other side still sends: closing with unread input would
/// reset the connection and could take the answer with it.
pub async fn finish(mut channel: Channel) {
    channel.finish();
    let drain = async {
        let mut piece = [0; 4096];
        for _ in 0..64 {
            match channel.read(&mut piece).await {
                Ok(count) if count > 0 => {}
                _ => break,
            }
        }
    };
    let _ = timeout(LINGERING, drain).await;
}

/// The next request; `None`: what comes is none.
async fn read_head(channel: &mut Channel, bytes: &mut Vec<u8>) -> io::Result<Option<Request>> {
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
        match channel.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// Sends an answer, without its body where only the head was asked for.
pub async fn send(
    channel: &mut Channel,
    answer: Answer,
    head_only: bool,
    keep_alive: bool,
    place: &Place,
) -> io::Result<()> {
    let length = match &answer.body {
        Body::Text(text) => text.len() as u64,
        Body::File(found) => found.length,
        Body::Unchanged => 0,
    };
    let last_modified = match &answer.body {
        Body::File(Found { last_modified: Some(time), .. }) => format!("Last-Modified: {time}\r\n"),
        _ => String::new(),
    };
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n{last_modified}{}{}\r\n",
        answer.status,
        answer.media_type,
        answer.headers,
        if keep_alive { "" } else { "Connection: close\r\n" }
    );
    match answer.body {
        _ if head_only => write(channel, head.as_bytes(), place).await,
        Body::Unchanged => write(channel, head.as_bytes(), place).await,
        Body::Text(text) => write(channel, &[head.as_bytes(), text.as_bytes()].concat(), place).await,
        Body::File(found) => {
            write(channel, head.as_bytes(), place).await?;
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
                write(channel, &piece[..count], place).await?;
                left -= count as u64;
            }
            Ok(())
        }
    }
}

async fn write(channel: &mut Channel, bytes: &[u8], place: &Place) -> io::Result<()> {
    place.writes();
    timeout(WRITING, channel.write_all(bytes)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
