//! Clients that speak byte by byte: conversations, each on connections of its own, and nuisances, which read nothing.

use super::client::{Seen, Shared};
use harness::{
    calls::{Call, Outcome, Role},
    conversation::{Conversation, Exchange, FUNCTION, Heard, Nuisance, Pieces, SILENT, shown},
    time::Offset,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::WriteHalf},
};

/// How long after one piece the next is sent: the server is to see it on its own.
const BETWEEN: Duration = Duration::from_millis(1);
/// How long is listened on when an answer is wrong already: to show more of it, and whether the connection ends.
const REST: Duration = Duration::from_millis(100);
/// How long a server that is to say nothing is listened to.
const SILENCE: Duration = Duration::from_millis(100);
/// How long a server is watched after the last conversation, which may have been its end.
const AFTERWARDS: Duration = Duration::from_millis(300);

/// Leads conversations, one after the other.
pub(super) async fn lead(shared: Arc<Shared>, conversations: Vec<Conversation>) -> Seen {
    let mut over = shared.over.clone();
    let mut seen = Seen::default();
    let talks = async {
        let mut silent = 0;
        for (name, conversation) in conversations.iter().enumerate() {
            silent += usize::from(!talk(&shared, name as u32, conversation, &mut seen.calls).await);
            if silent == SILENT {
                break;
            }
        }
        tokio::time::sleep(AFTERWARDS).await;
    };
    tokio::select! {
        () = talks => {}
        _ = over.wait_for(|over| *over) => {}
    }
    seen
}

/// Leads one conversation until its end, or until something is wrong; whether there was an answer to everything.
async fn talk(shared: &Shared, name: u32, conversation: &Conversation, calls: &mut Vec<Call>) -> bool {
    let mut sockets: BTreeMap<usize, TcpStream> = BTreeMap::new();
    let mut numbers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (number, template) in conversation.exchanges.iter().enumerate() {
        tokio::time::sleep(template.pause).await;
        let exchange = &template.knowing(&numbers);
        let mut said = exchange.said(&conversation.about, number);
        said.with_names = (exchange.say != template.say).then(|| shown(&template.say));
        let index = calls.len();
        calls.push(Call {
            client: name,
            node: 0,
            role: Role::Work,
            function: FUNCTION.into(),
            invoked: now(shared),
            returned: None,
            outcome: Outcome::Unknown(None),
            request: text(&said).into(),
            reply: None,
        });
        let heard = if exchange.hangs_up {
            drop(sockets.remove(&exchange.connection));
            Heard::new(b"", false)
        } else {
            let socket = match sockets.entry(exchange.connection) {
                Entry::Occupied(socket) => socket.into_mut(),
                Entry::Vacant(place) => {
                    let connected = tokio::time::timeout(shared.timeout, shared.address.connect()).await;
                    let Ok(Ok(socket)) = connected else { return false };
                    place.insert(socket)
                }
            };
            let Some(heard) = exchange_on(socket, exchange, shared.timeout).await else { return false };
            heard
        };
        let call = &mut calls[index];
        call.returned = Some(now(shared));
        call.outcome = Outcome::Ok;
        call.reply = Some(text(&heard).into());
        if heard.ended || !exchange.may_be(&heard) {
            return true;
        }
        if let Some((name, number)) = said.learnt(&heard) {
            numbers.insert(name, number);
        }
    }
    true
}

fn now(shared: &Shared) -> Offset {
    shared.began.elapsed().into()
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Says something and listens until it is decided; none where nothing was heard in time.
async fn exchange_on(socket: &mut TcpStream, exchange: &Exchange, timeout: Duration) -> Option<Heard> {
    let (mut reading, mut writing) = socket.split();
    let mut heard = Vec::new();
    let patience = async {
        let all_said = tokio::time::timeout(timeout, say(&mut writing, exchange));
        match exchange.is_silence() {
            // Not before all is said: that may take longer than the silence, on a machine that has much to do.
            true => {
                let _what_was_heard_tells = all_said.await;
                tokio::time::sleep(SILENCE).await;
            }
            false => drop(tokio::join!(all_said, tokio::time::sleep(timeout))),
        }
    };
    // Both at once: a server may answer, or end the connection, before it was told everything.
    let mut ended = tokio::select! {
        ended = async {
            loop {
                match reading.read_buf(&mut heard).await {
                    Ok(0) | Err(_) => break true,
                    Ok(_) if exchange.is_decided(&heard) => break false,
                    Ok(_) => {}
                }
            }
        } => ended,
        () = patience => {
            if exchange.is_silence() && heard.is_empty() {
                return Some(Heard::new(b"", false));
            }
            return (!heard.is_empty()).then(|| Heard::new(&heard, false));
        }
    };
    if !ended && !exchange.may_be(&Heard::new(&heard, false)) {
        let rest = async {
            while heard.len() < SHOWN && reading.read_buf(&mut heard).await.is_ok_and(|count| count > 0) {}
            // Whether the connection ends is not asked of one that says so much.
            if heard.len() >= SHOWN {
                std::future::pending::<()>().await;
            }
        };
        ended = tokio::time::timeout(REST, rest).await.is_ok();
        heard.truncate(SHOWN);
    }
    Some(Heard::new(&heard, ended))
}

/// Most bytes of a wrong answer that are kept.
const SHOWN: usize = 16 << 10;

/// Says everything.
async fn say(writing: &mut WriteHalf<'_>, exchange: &Exchange) {
    let all = &exchange.say[..];
    let pieces: Vec<&[u8]> = match exchange.pieces {
        Pieces::One => vec![all],
        Pieces::Two(first) => {
            let (one, two) = all.split_at(first.min(all.len()));
            vec![one, two]
        }
        Pieces::Bytes => all.chunks(1).collect(),
    };
    for piece in pieces {
        if writing.write_all(piece).await.is_err() {
            // What was heard tells.
            break;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Burdens the server until it ends the connection, or this is dropped.
pub(super) async fn burden(shared: Arc<Shared>, nuisance: Arc<Nuisance>) {
    let Ok(mut socket) = shared.address.connect().await else { return };
    let all = std::iter::once(&nuisance.first).chain(std::iter::repeat_n(&nuisance.say, nuisance.times as usize));
    for bytes in all {
        if socket.write_all(bytes).await.is_err() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::conversation::Expected;
    use tokio::net::TcpListener;

    /// What is heard of a server that reads so many bytes, answers, and then closes or stays.
    async fn heard(exchange: &Exchange, reads: usize, answer: &'static [u8], closes: bool) -> (Option<Heard>, Vec<u8>) {
        let timeout = if exchange.is_silence() { Duration::from_secs(60) } else { Duration::from_millis(300) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let serve = tokio::spawn(async move {
            let mut said = vec![0; reads];
            server.read_exact(&mut said).await.unwrap();
            server.write_all(answer).await.unwrap();
            (said, (!closes).then_some(server))
        });
        let heard = exchange_on(&mut socket, exchange, timeout).await;
        (heard, serve.await.unwrap().0)
    }

    fn ask(pieces: Pieces) -> Exchange {
        Exchange::new(*b"PING\r\n", Expected::exactly(*b"+PONG\r\n")).in_pieces(pieces)
    }

    #[tokio::test]
    async fn all_pieces_are_said() {
        for pieces in [Pieces::One, Pieces::Two(3), Pieces::Two(6), Pieces::Two(9), Pieces::Bytes] {
            let (told, said) = heard(&ask(pieces), 6, b"+PONG\r\n", false).await;
            assert_eq!(said, b"PING\r\n");
            assert_eq!(told, Some(Heard::new(b"+PONG\r\n", false)), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_wrong_answer_is_heard_to_its_end_and_silence_is_none() {
        let (told, _) = heard(&ask(Pieces::One), 6, b"-ERR unknown command\r\n", false).await;
        assert_eq!(told, Some(Heard::new(b"-ERR unknown command\r\n", false)));
        assert_eq!(heard(&ask(Pieces::One), 6, b"", false).await.0, None);
        assert_eq!(heard(&ask(Pieces::One), 6, b"+PO", false).await.0, Some(Heard::new(b"+PO", false)));
        assert_eq!(heard(&ask(Pieces::One), 6, b"+PO", true).await.0, Some(Heard::new(b"+PO", true)));
    }

    #[tokio::test]
    async fn who_is_to_wait_is_not_answered() {
        let waits = Exchange::new(*b"reserve\r\n", Expected::silence());
        assert_eq!(heard(&waits, 9, b"", false).await.0, Some(Heard::new(b"", false)));
        assert_eq!(heard(&waits, 9, b"", true).await.0, Some(Heard::new(b"", true)));
        assert_eq!(heard(&waits, 9, b"TIMED_OUT\r\n", false).await.0, Some(Heard::new(b"TIMED_OUT\r\n", false)));
    }

    #[tokio::test]
    async fn silence_begins_when_all_is_said() {
        let long = Exchange::new(vec![b'x'; 150], Expected::silence()).in_pieces(Pieces::Bytes);
        let (told, said) = heard(&long, 150, b"", false).await;
        assert_eq!((told, said.len()), (Some(Heard::new(b"", false)), 150));
    }

    /// Whoever refuses the head of something large is heard, though the rest of it was never taken.
    #[tokio::test]
    async fn an_answer_may_come_before_everything_was_said() {
        let refused = Expected::line(*b"-").or_end();
        let large = Exchange::new(vec![b'x'; 64 << 20], refused);
        let (told, _) = heard(&large, 100, b"-ERR too large\r\n", false).await;
        assert_eq!(told.unwrap().heard, "-ERR too large\\r\\n");
    }
}
