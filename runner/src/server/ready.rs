//! When a server is ready: it can be connected to, and where its protocol has a word for it, does not say that it is still
//! loading.

use super::program::Address;
use crate::protocol::Loading;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How often that is tried.
const TRY: Duration = Duration::from_millis(5);
/// How long an answer is waited for. Whoever gives none is not loading, but has a trouble that the case will find.
const PATIENCE: Duration = Duration::from_millis(500);

/// Comes to an end when the server is ready.
pub(super) async fn ready(address: Address, loading: Option<Loading>) {
    loop {
        if let Ok(stream) = address.connect().await {
            match loading {
                Some(loading) if is_loading(stream, loading).await => {}
                _ => return,
            }
        }
        tokio::time::sleep(TRY).await;
    }
}

/// Whether a server says so.
async fn is_loading(mut stream: TcpStream, loading: Loading) -> bool {
    let ask = async {
        stream.write_all(loading.question).await?;
        let mut answer = vec![0; loading.not_yet.len()];
        stream.read_exact(&mut answer).await?;
        io::Result::Ok(answer == loading.not_yet)
    };
    matches!(timeout(PATIENCE, ask).await, Ok(Ok(true)))
}
