//! The load against servers that are right, wrong, silent or gone.

use super::*;
use crate::protocol;
use harness::{
    manifest::Protocol,
    oracle::{Body, body},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// A key that is set and read over and over.
fn work() -> Vec<(Body, Value)> {
    let key = || ("key", "k".into());
    let write = |value: &str| (body("write", [key(), ("value", value.into())]), json!({}));
    let read = |value: &str| (body("read", [key()]), json!({ "value": value }));
    vec![write("one"), read("one"), write("another"), read("another"), read("another")]
}

fn tape() -> Tape {
    Tape::new(protocol::of(Protocol::Resp).unwrap(), &work())
}

/// All answers of the tape, and where each ends.
fn answers() -> Vec<Vec<u8>> {
    let wire = protocol::of(Protocol::Resp).unwrap();
    work().iter().map(|(request, answer)| wire.reply(request, answer)).collect()
}

/// A server that takes one connection and gives what `answer` makes of the number of a request, in pieces of `piece`
/// bytes; an empty answer ends the connection.
fn server(piece: usize, answer: impl Fn(usize) -> Option<Vec<u8>> + Send + 'static) -> (TcpStream, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_nodelay(true).unwrap();
    let serving = std::thread::spawn(move || {
        let wire = protocol::of(Protocol::Resp).unwrap();
        let requests: Vec<Vec<u8>> = work().iter().map(|(request, _)| wire.request(request)).collect();
        for number in 0.. {
            let mut asked = vec![0; requests[number % requests.len()].len()];
            if stream.read_exact(&mut asked).is_err() {
                return;
            }
            assert_eq!(asked, requests[number % requests.len()], "request {number}");
            let Some(bytes) = answer(number) else { return };
            if bytes.chunks(piece).any(|piece| stream.write_all(piece).is_err()) {
                return;
            }
        }
    });
    (client, serving)
}

fn right(number: usize) -> Option<Vec<u8>> {
    let answers = answers();
    Some(answers[number % answers.len()].clone())
}

/// What goes wrong sooner or later, however few requests a busy machine makes in one run.
fn trouble(client: TcpStream, depth: usize) -> Trouble {
    let mut closed = Closed::new(vec![(client, tape())], depth).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match closed.run(Duration::ZERO, Duration::from_millis(20)) {
            Err(trouble) => return trouble,
            Ok(answered) => assert!(Instant::now() < deadline, "nothing was seen: {answered:?}"),
        }
    }
}

#[test]
fn right_answers_are_counted_however_they_arrive() {
    for (depth, piece) in [(1, 1000), (7, 1), (16, 3)] {
        let (client, serving) = server(piece, right);
        let mut closed = Closed::new(vec![(client, tape())], depth).unwrap();
        let first = closed.run(Duration::from_millis(5), Duration::from_millis(20)).unwrap();
        assert!(first.operations > 0 && first.all >= first.operations && first.time >= Duration::from_millis(20));
        let again = closed.run(Duration::ZERO, Duration::from_millis(5)).unwrap();
        assert!(again.all > 0, "it goes on where it was");
        drop(closed);
        serving.join().unwrap();
    }
}

/// Requests that no socket buffer holds: the server takes them slowly, and nothing of them is lost or sent twice.
#[test]
fn requests_that_do_not_fit_are_sent_when_there_is_room() {
    let large = "x".repeat(8 << 20);
    let write = (body("write", [("key", "k".into()), ("value", large.as_str().into())]), json!({}));
    let wire = protocol::of(Protocol::Resp).unwrap();
    let length = wire.request(&write.0).len();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let serving = std::thread::spawn(move || {
        let mut asked = vec![0; length];
        while stream.read_exact(&mut asked).is_ok() {
            assert!(
                asked.starts_with(b"*3\r\n$3\r\nSET\r\n") && asked.ends_with(b"xx\r\n"),
                "the next begins elsewhere"
            );
            if stream.write_all(b"+OK\r\n").is_err() {
                return;
            }
        }
    });
    let mut closed = Closed::new(vec![(client, Tape::new(wire, &[write]))], 3).unwrap();
    let answered = closed.run(Duration::ZERO, Duration::from_millis(20)).unwrap();
    assert!(answered.all >= 3, "{answered:?}");
    drop(closed);
    serving.join().unwrap();
}

#[test]
fn a_wrong_answer_is_told_with_its_request() {
    // The 99th request is a read of `another`.
    let (client, serving) =
        server(1000, |number| if number == 98 { Some(b"$3\r\none\r\n".to_vec()) } else { right(number) });
    let Trouble::Wrong(why, bytes) = trouble(client, 4) else { panic!("it has to be seen") };
    let expected = r"`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n` has to be answered with `$7\r\nanother\r\n`";
    assert_eq!(why, expected);
    assert!(bytes.starts_with(b"$3\r\none\r\n"), "{}", String::from_utf8_lossy(&bytes));
    serving.join().unwrap();
}

#[test]
fn an_answer_to_nothing_is_told() {
    let (client, serving) = server(1000, |number| match number {
        20 => Some([right(20).unwrap(), right(21).unwrap()].concat()),
        _ => right(number),
    });
    assert!(matches!(trouble(client, 1), Trouble::Wrong(why, _) if why == "more was answered than was asked"));
    serving.join().unwrap();
}

#[test]
fn an_end_and_silence_are_told() {
    let (client, serving) = server(1000, |number| right(number).filter(|_| number < 50));
    assert!(matches!(trouble(client, 4), Trouble::Closed(_)));
    serving.join().unwrap();
    let (client, serving) = server(1000, |number| if number < 50 { right(number) } else { Some(Vec::new()) });
    assert_eq!(trouble(client, 4), Trouble::Silent(1));
    serving.join().unwrap();
}

fn open(client: TcpStream, rate: f64, time: Duration) -> Result<(Answered, Latency), Trouble> {
    let mut latency = Latency::default();
    let mut open = Open::new(vec![(client, tape())], rate, Duration::ZERO, false).unwrap();
    open.run(Duration::ZERO, time, &mut latency).map(|answered| (answered, latency))
}

/// While a server stands still others would have asked: each of them has waited.
#[test]
fn all_who_were_due_while_a_server_stood_still_have_waited() {
    let (client, serving) = server(1000, |number| {
        if number == 100 {
            std::thread::sleep(Duration::from_millis(300));
        }
        right(number)
    });
    let (answered, latency) = open(client, 1_000.0, Duration::from_millis(600)).unwrap();
    serving.join().unwrap();
    assert_eq!(answered.operations, 600, "as many as were due are asked, and all are counted");
    // 300 of 600 were due in that time, the first of which has waited for all of it. A busy machine adds to that.
    assert!(latency.answered.max() >= 290_000_000);
    assert!(latency.answered.value_at_quantile(0.70) >= 100_000_000, "{}", latency.answered.value_at_quantile(0.70));
}

#[test]
fn wrong_answers_and_silence_are_told_of_an_open_loop_too() {
    let time = Duration::from_millis(50);
    // Nothing comes after it: a client that is late would read that as well.
    let (client, serving) = server(1000, |number| match number {
        ..20 => right(number),
        20 => Some(b"+NO\r\n".to_vec()),
        _ => Some(Vec::new()),
    });
    assert!(matches!(open(client, 2_000.0, time), Err(Trouble::Wrong(_, bytes)) if bytes == b"+NO\r\n"));
    serving.join().unwrap();
    let (client, serving) = server(1000, |number| if number < 20 { right(number) } else { Some(Vec::new()) });
    assert_eq!(open(client, 2_000.0, time).err(), Some(Trouble::Silent(1)));
    serving.join().unwrap();
}

/// Servers for so many clients, each of which gives what `answer` makes of the client's number and the request's.
fn servers<A>(count: usize, answer: A) -> (Vec<(TcpStream, Tape)>, Vec<JoinHandle<()>>)
where
    A: Fn(usize, usize) -> Option<Vec<u8>> + Copy + Send + 'static,
{
    let servers = (0..count).map(|client| server(1000, move |number| answer(client, number)));
    servers.map(|(stream, serving)| ((stream, tape()), serving)).unzip()
}

/// Load on three servers from two threads.
fn from_threads(
    pace: Pace,
    time: Duration,
    answer: impl Fn(usize, usize) -> Option<Vec<u8>> + Copy + Send + 'static,
) -> Result<(Answered, Option<Latency>), Trouble> {
    let (clients, serving) = servers(3, answer);
    let mut threads = Threads::new(clients, pace, 2, &[]).unwrap();
    let result = threads.run(Duration::ZERO, time);
    drop(threads);
    serving.into_iter().for_each(|serving| serving.join().unwrap());
    result
}

#[test]
fn what_threads_have_measured_is_added_up() {
    static SEEN: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
    let count = |client: usize, number| {
        SEEN[client].fetch_add(1, Ordering::Relaxed);
        right(number)
    };
    let time = Duration::from_millis(20);
    let (answered, latency) = from_threads(Pace::Closed { depth: 4 }, time, count).unwrap();
    let seen = SEEN.each_ref().map(|seen| seen.load(Ordering::Relaxed));
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
    assert_eq!(answered.all, seen.iter().sum::<u64>(), "of all clients");
    assert!(answered.operations <= answered.all && answered.time >= time && latency.is_none());
}

#[test]
fn threads_of_an_open_loop_ask_as_often_as_one() {
    let pace = Pace::Open { rate: 1_000.0, spin: false };
    let (answered, latency) = from_threads(pace, Duration::from_millis(300), |_, number| right(number)).unwrap();
    // 200 by two of the clients, 100 by the third; whether one that is due at the very end counts is a matter of rounding.
    assert!((299..=301).contains(&answered.operations), "{answered:?}");
    let latency = latency.unwrap();
    assert_eq!([latency.sent.len(), latency.answered.len()], [answered.operations; 2], "each with its time");
}

#[test]
fn what_goes_wrong_on_one_thread_is_told() {
    let pace = Pace::Closed { depth: 2 };
    let time = Duration::from_millis(50);
    // Two are in flight at once, however slow the machine is: the second is asked in any case.
    let wrong = |client, number| if client == 1 && number == 1 { Some(b"+NO\r\n".to_vec()) } else { right(number) };
    let told = from_threads(pace, time, wrong).map(|_| ());
    assert!(matches!(&told, Err(Trouble::Wrong(_, bytes)) if bytes.starts_with(b"+NO\r\n")), "{told:?}");
    let silent = |client, number| if client < 2 && number > 0 { Some(Vec::new()) } else { right(number) };
    assert_eq!(from_threads(pace, time, silent).err(), Some(Trouble::Silent(2)), "one on each thread");
    let both = |client, number| match client {
        0 if number > 0 => Some(Vec::new()),
        1 if number == 1 => Some(b"+NO\r\n".to_vec()),
        _ => right(number),
    };
    assert!(matches!(from_threads(pace, time, both), Err(Trouble::Wrong(..))), "it says more than silence");
}

#[test]
fn there_are_no_threads_without_clients() {
    let (clients, serving) = servers(1, |_, number| right(number));
    let mut threads = Threads::new(clients, Pace::Open { rate: 2_000.0, spin: false }, 4, &[]).unwrap();
    assert!(threads.run(Duration::ZERO, Duration::from_millis(5)).unwrap().0.all > 0);
    drop(threads);
    serving.into_iter().for_each(|serving| serving.join().unwrap());
    assert!(Threads::new(Vec::new(), Pace::Open { rate: 1.0, spin: false }, 1, &[]).is_err());
}
