//! When a server is ready: it can be connected to, and where its protocol has a word for it, does not say that it is still
//! loading.

use super::program::Address;
use crate::protocol::Loading;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How often that is tried.
const TRY: Duration = Duration::from_millis(5);
/// How long an answer is waited for. Whoever gives none is not loading, but has a trouble that the case will find.
const PATIENCE: Duration = Duration::from_millis(500);

/// Comes to an end when the server is ready; `says_so` is whether it has said that it is loading when it was last asked.
pub(super) async fn ready(address: Address, loading: Option<Loading>, says_so: Arc<AtomicBool>) {
    loop {
        if let Ok(stream) = address.connect().await {
            let is_loading = match loading {
                Some(loading) => timeout(PATIENCE, is_loading(stream, loading)).await.unwrap_or(false),
                None => false,
            };
            says_so.store(is_loading, Ordering::Relaxed);
            if !is_loading {
                return;
            }
        }
        tokio::time::sleep(TRY).await;
    }
}

/// Whether a server says so: as soon as its answer is another, or ends, it does not.
async fn is_loading(mut stream: impl AsyncRead + AsyncWrite + Unpin, loading: Loading) -> bool {
    if stream.write_all(loading.question).await.is_err() {
        return false;
    }
    for expected in loading.not_yet {
        if stream.read_u8().await.ok() != Some(*expected) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol;
    use harness::manifest::Protocol;

    #[tokio::test]
    async fn it_is_known_by_the_first_byte_that_differs() {
        let loading = protocol::of(Protocol::Resp).and_then(protocol::Wire::loading).expect("a word for it");
        // The connection stays open, so that more would be waited for without an end.
        for (answer, expected) in
            [("+PONG\r\n", false), ("-ERR\r\n", false), ("-LOADING later\r\n", true), ("$", false)]
        {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(answer.as_bytes()).await.expect("room");
            assert_eq!(is_loading(ours, loading).await, expected, "{answer}");
            let mut question = vec![0; loading.question.len()];
            theirs.read_exact(&mut question).await.expect("a question");
            assert_eq!(question, loading.question);
        }
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        assert!(!is_loading(ours, loading).await, "nobody is there");
    }
}
