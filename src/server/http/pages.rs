//! Pages of `http_dir` for those who ask a WebSocket listener for one: a browser that then opens a WebSocket. One
//! request a connection, which the event loop has handed over whole, so that no file is read there.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::channel::Channel;
use super::connection::{finish, send};
use super::request::{Parsed, parse};
use super::routes;
use crate::broker::Peer;
use crate::server::layers::Layers;

/// A connection that asks for a page.
#[derive(Debug)]
pub struct Page {
    /// The connection.
    pub layers: Layers,
    /// What was read of it: the head of a request for GET or HEAD.
    pub request: Vec<u8>,
    /// The folder of pages.
    pub folder: PathBuf,
}

/// How long it may wait for its place.
const PATIENCE: Duration = Duration::from_secs(15);

/// Answers it once there is a place, and closes.
pub async fn serve(page: Page, places: &Semaphore) {
    let Ok(Ok(_place)) = timeout(PATIENCE, places.acquire()).await else { return };
    // From where it comes was said before it was handed over.
    let Ok(mut channel) = Channel::new(page.layers, Peer::Unix("".into())) else { return };
    let Parsed::Whole(request, _) = parse(&page.request) else { return };
    let answer = routes::page(&page.folder, &request);
    let _ = send(&mut channel, answer, request.method == "HEAD", false).await;
    finish(channel).await;
}
