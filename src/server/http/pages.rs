//! Pages of `http_dir` for those who ask a WebSocket listener for one: a browser that then opens a WebSocket. One
//! request a connection, which the event loop has handed over whole, so that no file is read there.

use std::path::PathBuf;
use std::sync::Arc;

use super::channel::Channel;
use super::connection::{finish, send};
use super::places::{Place, Places};
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
    /// Where it comes from.
    pub peer: Option<Peer>,
}

/// Answers it once there is a place, and closes. Where not even to wait there is one, the connection ends.
pub async fn serve(page: Page, places: Arc<Places>) {
    let Some(place) = places.wait_for(page.peer.as_ref()).await else { return };
    let id = place.id();
    let task = tokio::spawn(async move { answer(page, &place).await });
    Place::belongs_to(&places, id, task.abort_handle());
}

async fn answer(page: Page, place: &Place) {
    let peer = page.peer.unwrap_or_else(|| Peer::Unix("".into()));
    let Ok(mut channel) = Channel::new(page.layers, peer) else { return };
    let Parsed::Whole(request, _) = parse(&page.request) else { return };
    let answer = routes::page(&page.folder, &request);
    let _ = send(&mut channel, answer, request.method == "HEAD", false, place).await;
    place.reads();
    finish(channel).await;
}
