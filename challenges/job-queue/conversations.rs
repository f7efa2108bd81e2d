//! What is said to the queue byte by byte, and what it has to answer.

use harness::{
    conversation::{Conversation, Exchange, Expected, Pieces},
    net::random::Stream,
};
use std::time::Duration;

type Bytes = Vec<u8>;

/// The conversations of a stage, in an order of the seed's.
pub(super) fn of(workload: &str, random: &mut Stream) -> Vec<Conversation> {
    let mut all = match workload {
        "protocol" => protocol(),
        "commands" => [commands(), tubes(), clients()].concat(),
        "timers" => timers(),
        _ => malformed(),
    };
    random.shuffle(&mut all);
    // What the last of the bad ones has done is to be seen too.
    all.extend((workload == "malformed").then(others));
    all
}

fn others() -> Conversation {
    about("serves others after what was no command", [goes_on()])
}

/// What a server that goes on answers.
fn goes_on() -> Exchange {
    ask("use x.on", "USING x.on")
}

fn exactly(text: impl Into<Bytes>) -> Expected<Bytes> {
    Expected::exactly(text.into())
}

/// Nothing that may be heard.
fn never() -> Expected<Bytes> {
    Expected::one_of([])
}

/// A command and what it is answered.
fn ask(command: &str, answer: &str) -> Exchange {
    Exchange::new(format!("{command}\r\n"), exactly(format!("{answer}\r\n")))
}

/// A command that is answered later: its client waits.
fn wait(command: &str) -> Exchange {
    Exchange::new(format!("{command}\r\n"), Expected::silence())
}

/// What a client that has waited hears.
fn hear(answer: Expected<Bytes>) -> Exchange {
    Exchange::new(Bytes::new(), answer)
}

/// Uses and watches this tube only.
fn tube(name: &str) -> Exchange {
    ask(&format!("use {name}\r\nwatch {name}\r\nignore default"), &format!("USING {name}\r\nWATCHING 2\r\nWATCHING 1"))
}

/// A job with this data, whose id gets a name.
fn put_with(name: &str, [priority, delay, ttr]: [u32; 3], data: &[u8]) -> Exchange {
    let say = [format!("put {priority} {delay} {ttr} {}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    Exchange::new(say, exactly(format!("INSERTED {name}\r\n"))).learning(name)
}

/// A job of this priority whose data is its name without the brackets.
fn put(name: &str, priority: u32) -> Exchange {
    put_with(name, [priority, 0, 60], word(name).as_bytes())
}

fn word(name: &str) -> &str {
    name.trim_matches(['<', '>'])
}

/// The answer that a job was reserved that [`put`] has put.
fn reserved(name: &str) -> Expected<Bytes> {
    job("RESERVED", name)
}

fn found(name: &str) -> Expected<Bytes> {
    job("FOUND", name)
}

fn job(answer: &str, name: &str) -> Expected<Bytes> {
    let data = word(name);
    exactly(format!("{answer} {name} {}\r\n{data}\r\n", data.len()))
}

fn reserve(name: &str) -> Exchange {
    Exchange::new(*b"reserve-with-timeout 0\r\n", reserved(name))
}

fn reserve_none() -> Exchange {
    ask("reserve-with-timeout 0", "TIMED_OUT")
}

fn about(about: &str, exchanges: impl IntoIterator<Item = Exchange>) -> Conversation {
    Conversation { about: about.into(), exchanges: exchanges.into_iter().collect() }
}

fn protocol() -> Vec<Conversation> {
    let every: Bytes = (0..=255).collect();
    let few = b"use p.piece\r\nput 7 0 60 9\r\nhe\r\nput 1\r\npeek-buried\r\nuse p.end\r\n";
    let of_few = b"USING p.piece\r\nINSERTED <a>\r\nNOT_FOUND\r\nUSING p.end\r\n";
    let piece = |pieces| {
        let all = Exchange::new(*few, exactly(*of_few)).learning("<a>").in_pieces(pieces);
        [all, ask("delete <a>", "DELETED")]
    };
    let keeps = |what: &str, tube_name: &str, data: &[u8]| {
        let answer = [format!("RESERVED <a> {}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
        about(
            &format!("keeps {what} as the data of a job"),
            [
                tube(tube_name),
                put_with("<a>", [0, 0, 60], data),
                Exchange::new(*b"reserve-with-timeout 0\r\n", exactly(answer)),
                ask("delete <a>", "DELETED"),
            ],
        )
    };
    let together = |count: usize| {
        let say = "use p.one\r\nreserve-with-timeout 0\r\nuse p.two\r\npeek-ready\r\n".repeat(count);
        Exchange::new(say, exactly("USING p.one\r\nTIMED_OUT\r\nUSING p.two\r\nNOT_FOUND\r\n".repeat(count)))
    };
    vec![
        about(
            "hands out a job that is put and reserved in one piece",
            [
                tube("p.both"),
                Exchange::new(
                    *b"put 1 0 60 4\r\nword\r\nreserve-with-timeout 0\r\n",
                    exactly(*b"INSERTED <a>\r\nRESERVED <a> 4\r\nword\r\n"),
                )
                .learning("<a>"),
                ask("delete <a>", "DELETED"),
            ],
        ),
        about(
            "takes commands in two pieces, wherever they are cut",
            (1..few.len()).flat_map(|cut| piece(Pieces::Two(cut))),
        ),
        about("takes commands byte by byte", piece(Pieces::Bytes)),
        about(
            "answers commands that come together, in their order",
            [
                ask("watch p.none\r\nignore default", "WATCHING 2\r\nWATCHING 1"),
                together(1),
                together(20),
                together(500),
            ],
        ),
        keeps("any bytes", "p.bytes", &every),
        keeps("what looks like commands", "p.commands", b"\r\ndelete 1\r\nput 0 0 0 1\r\nx\r\n"),
        keeps("nothing at all", "p.empty", b""),
        keeps("65535 bytes", "p.large", &vec![b'x'; 65_535]),
    ]
}

fn commands() -> Vec<Conversation> {
    let bury = |name: &str, priority: u32| ask(&format!("bury {name} {priority}"), "BURIED");
    vec![
        about(
            "hands out what was put until it is deleted",
            [
                tube("c.once"),
                reserve_none(),
                put("<a>", 1),
                reserve("<a>"),
                reserve_none(),
                ask("delete <a>", "DELETED"),
                ask("delete <a>", "NOT_FOUND"),
                reserve_none(),
            ],
        ),
        about(
            "hands out the job with the smallest priority first",
            [tube("c.priority"), put("<a>", 4_294_967_295), put("<b>", 0), put("<c>", 1_024)]
                .into_iter()
                .chain(["<b>", "<c>", "<a>"].map(reserve)),
        ),
        about(
            "hands out jobs of the same priority as they were put",
            [tube("c.order"), put("<a>", 5), put("<b>", 5), put("<c>", 5), put("<d>", 5)]
                .into_iter()
                .chain(["<a>", "<b>", "<c>", "<d>"].map(reserve)),
        ),
        about(
            "makes a released job ready again, with the priority that it is released with",
            [
                tube("c.release"),
                put("<a>", 1),
                put("<b>", 5),
                reserve("<a>"),
                ask("release <a> 9 0", "RELEASED"),
                ask("release <a> 9 0", "NOT_FOUND"),
                reserve("<b>"),
                reserve("<a>"),
            ],
        ),
        about(
            "keeps a buried job until it is kicked",
            [
                tube("c.bury"),
                put("<a>", 1),
                reserve("<a>"),
                bury("<a>", 3),
                reserve_none(),
                ask("release <a> 1 0", "NOT_FOUND"),
                Exchange::new(*b"peek-buried\r\n", found("<a>")),
                ask("kick 10", "KICKED 1"),
                ask("kick 10", "KICKED 0"),
                reserve("<a>"),
            ],
        ),
        about(
            "kicks as many as it is told, those first that were buried first",
            [
                tube("c.kick"),
                put("<a>", 1),
                put("<b>", 1),
                put("<c>", 1),
                reserve("<a>"),
                reserve("<b>"),
                reserve("<c>"),
            ]
            .into_iter()
            .chain([bury("<b>", 1), bury("<a>", 1), bury("<c>", 1), ask("kick 1", "KICKED 1"), reserve("<b>")])
            .chain([reserve_none(), ask("kick 5", "KICKED 2"), reserve("<a>"), reserve("<c>")]),
        ),
        about(
            "gives a buried job the priority that it is buried with",
            [tube("c.buried"), put("<a>", 1), put("<b>", 5), reserve("<a>"), bury("<a>", 9), ask("kick 1", "KICKED 1")]
                .into_iter()
                .chain(["<b>", "<a>"].map(reserve)),
        ),
        about(
            "kicks one job by its id",
            [tube("c.kickjob"), put("<a>", 1), ask("kick-job <a>", "NOT_FOUND"), reserve("<a>"), bury("<a>", 1)]
                .into_iter()
                .chain([ask("kick-job <a>", "KICKED"), ask("kick-job <a>", "NOT_FOUND"), reserve("<a>")]),
        ),
        about(
            "kicks delayed jobs where none are buried",
            [tube("c.kickdelayed"), put_with("<a>", [1, 3_600, 60], b"a"), reserve_none(), ask("kick 1", "KICKED 1")]
                .into_iter()
                .chain([reserve("<a>")]),
        ),
        about(
            "shows jobs without handing them out",
            [
                tube("c.peek"),
                ask("peek-ready", "NOT_FOUND"),
                put("<a>", 7),
                put("<b>", 5),
                put_with("<c>", [1, 3_600, 60], b"c"),
                Exchange::new(*b"peek <a>\r\n", found("<a>")),
                Exchange::new(*b"peek-ready\r\n", found("<b>")),
                Exchange::new(*b"peek-delayed\r\n", found("<c>")),
                ask("peek-buried", "NOT_FOUND"),
                reserve("<b>"),
                ask("delete <b>", "DELETED"),
                ask("peek <b>", "NOT_FOUND"),
                Exchange::new(*b"peek-ready\r\n", found("<a>")),
            ],
        ),
        about(
            "deletes jobs that are ready, delayed or buried",
            [
                tube("c.delete"),
                put("<a>", 1),
                put_with("<b>", [1, 3_600, 60], b"b"),
                put("<c>", 0),
                reserve("<c>"),
                bury("<c>", 1),
                ask("delete <a>", "DELETED"),
                ask("delete <b>", "DELETED"),
                ask("delete <c>", "DELETED"),
                ask("kick 9", "KICKED 0"),
                reserve_none(),
            ],
        ),
        about("ends the connection when it is told to quit", [Exchange::new(*b"quit\r\n", never().or_end())]),
    ]
}

fn tubes() -> Vec<Conversation> {
    vec![
        about(
            "keeps tubes apart",
            [
                ask("use t.one", "USING t.one"),
                put("<a>", 1),
                ask("use t.two", "USING t.two"),
                put("<b>", 1),
                ask("watch t.two\r\nignore default", "WATCHING 2\r\nWATCHING 1"),
                reserve("<b>"),
                reserve_none(),
                ask("watch t.one", "WATCHING 2"),
                reserve("<a>"),
            ],
        ),
        about(
            "hands out the best job of all tubes that are watched",
            [
                tube("t.some"),
                put("<a>", 5),
                put("<b>", 3),
                ask("use t.other", "USING t.other"),
                put("<c>", 4),
                put("<d>", 2),
                ask("watch t.other", "WATCHING 2"),
                reserve("<d>"),
                reserve("<b>"),
                reserve("<c>"),
                reserve("<a>"),
            ],
        ),
        about(
            "counts the tubes that are watched, and keeps the last",
            [
                ask("watch t.x", "WATCHING 2"),
                ask("watch t.x", "WATCHING 2"),
                ask("ignore t.y", "WATCHING 2"),
                ask("ignore default", "WATCHING 1"),
                ask("ignore t.x", "NOT_IGNORED"),
            ],
        ),
        about(
            "gives jobs back to the tube that they were put in",
            [
                tube("t.home"),
                put("<a>", 1),
                reserve("<a>"),
                ask("use t.away", "USING t.away"),
                ask("release <a> 1 0", "RELEASED"),
                Exchange::new(*b"use t.home\r\npeek-ready\r\n", exactly(*b"USING t.home\r\nFOUND <a> 1\r\na\r\n")),
                reserve("<a>"),
            ],
        ),
    ]
}

/// Several clients, one of whom is connection 0.
fn clients() -> Vec<Conversation> {
    let on = |connection: usize, exchange: Exchange| exchange.on(connection);
    vec![
        about(
            "gives a job to one client at a time",
            [
                tube("m.one"),
                on(1, tube("m.one")),
                put("<a>", 1),
                reserve("<a>"),
                on(1, reserve_none()),
                on(1, ask("delete <a>", "NOT_FOUND")),
                on(1, ask("release <a> 1 0", "NOT_FOUND")),
                on(1, ask("bury <a> 1", "NOT_FOUND")),
                on(1, ask("touch <a>", "NOT_FOUND")),
                on(1, Exchange::new(*b"peek <a>\r\n", found("<a>"))),
                ask("touch <a>", "TOUCHED"),
                ask("delete <a>", "DELETED"),
            ],
        ),
        about(
            "wakes a client that waits when a job is put",
            [
                tube("m.wake"),
                on(1, tube("m.wake")),
                on(1, wait("reserve")),
                put("<a>", 1),
                on(1, hear(reserved("<a>"))),
            ],
        ),
        about(
            "wakes a client that waits for a job of several tubes",
            [
                ask("use m.second", "USING m.second"),
                on(1, ask("watch m.first\r\nwatch m.second", "WATCHING 2\r\nWATCHING 3")),
                on(1, wait("reserve-with-timeout 9")),
                put("<a>", 1),
                on(1, hear(reserved("<a>"))),
            ],
        ),
        about(
            "wakes a client that waits when a job is released or kicked",
            [
                tube("m.release"),
                on(1, tube("m.release")),
                put("<a>", 1),
                reserve("<a>"),
                on(1, wait("reserve")),
                ask("release <a> 1 0", "RELEASED"),
                on(1, hear(reserved("<a>"))),
                on(1, ask("bury <a> 1", "BURIED")),
                wait("reserve"),
                on(1, ask("kick 1", "KICKED 1")),
                hear(reserved("<a>")),
            ],
        ),
        about(
            "makes the jobs of a client ready again when its connection ends",
            [
                tube("m.lost"),
                on(1, tube("m.lost")),
                put("<a>", 2),
                put("<b>", 1),
                on(1, reserve("<b>")),
                on(1, reserve("<a>")),
                on(1, Exchange::hang_up()),
                Exchange::new(*b"reserve-with-timeout 3\r\n", reserved("<b>")),
                Exchange::new(*b"reserve-with-timeout 3\r\n", reserved("<a>")),
            ],
        ),
        about(
            "gives no job to a client that has waited and left",
            [
                tube("m.left"),
                on(1, tube("m.left")),
                on(2, tube("m.left")),
                on(1, wait("reserve")),
                on(2, wait("reserve")),
                on(1, Exchange::hang_up()),
                on(2, Exchange::hang_up()),
                put("<a>", 1),
                Exchange::new(*b"reserve-with-timeout 3\r\n", reserved("<a>")),
            ],
        ),
        about(
            "gives a job that is put to one of those who wait",
            [
                tube("m.some"),
                on(1, tube("m.some")),
                on(2, tube("m.some")),
                on(1, wait("reserve-with-timeout 2")),
                on(2, wait("reserve-with-timeout 2")),
                put("<a>", 1),
                // One of them has it by now, and the other one not.
                reserve_none(),
                ask("delete <a>", "NOT_FOUND"),
                put("<b>", 1),
                reserve_none(),
                on(
                    1,
                    hear(Expected::one_of(
                        [&b"RESERVED <a> 1\r\na\r\n"[..], b"RESERVED <b> 1\r\nb\r\n"].map(Into::into),
                    )),
                ),
                on(
                    2,
                    hear(Expected::one_of(
                        [&b"RESERVED <a> 1\r\na\r\n"[..], b"RESERVED <b> 1\r\nb\r\n"].map(Into::into),
                    )),
                ),
            ],
        ),
    ]
}

/// What takes its time. The number of an exchange is the place of what its time begins with.
fn timers() -> Vec<Conversation> {
    let second = |count: u64| Duration::from_secs(count);
    let on = |connection: usize, exchange: Exchange| exchange.on(connection);
    // A reservation that gets the job so long after an exchange, and not before.
    let late = |name: &str, since: usize, time: Duration| {
        Exchange::new(*b"reserve-with-timeout 4\r\n", never()).expiring(since, time, reserved(name))
    };
    vec![
        about(
            "lets a client wait as long as it was told",
            [
                tube("d.wait"),
                Exchange::new(*b"reserve-with-timeout 1\r\n", never()).expiring(
                    1,
                    second(1),
                    exactly(*b"TIMED_OUT\r\n"),
                ),
            ],
        ),
        about(
            "makes a job ready when its delay is over",
            [tube("d.delay"), put_with("<a>", [1, 1, 60], b"a"), reserve_none(), late("<a>", 1, second(1))],
        ),
        about(
            "makes a job ready when the delay is over that it was released with",
            [
                tube("d.release"),
                put("<a>", 1),
                reserve("<a>"),
                ask("release <a> 1 1", "RELEASED"),
                reserve_none(),
                late("<a>", 3, second(1)),
            ],
        ),
        about(
            "takes a job from a client whose time to run is over",
            [
                tube("d.ttr"),
                on(1, tube("d.ttr")),
                put_with("<a>", [1, 0, 1], b"a"),
                reserve("<a>"),
                on(1, late("<a>", 3, second(1))),
                ask("delete <a>", "NOT_FOUND"),
                ask("touch <a>", "NOT_FOUND"),
                on(1, ask("delete <a>", "DELETED")),
            ],
        ),
        about(
            "takes a time to run of 0 for a second",
            [
                tube("d.zero"),
                on(1, tube("d.zero")),
                put_with("<a>", [1, 0, 0], b"a"),
                reserve("<a>"),
                on(1, late("<a>", 3, second(1))),
            ],
        ),
        about(
            "begins the time to run anew when the job is touched",
            [
                tube("d.touch"),
                on(1, tube("d.touch")),
                put_with("<a>", [1, 0, 2], b"a"),
                reserve("<a>"),
                ask("touch <a>", "TOUCHED").after(Duration::from_millis(1_200)),
                on(1, late("<a>", 4, second(2))),
            ],
        ),
        about(
            "tells a client that waits for more when a job of its own has a second left",
            [
                tube("d.soon"),
                put_with("<a>", [1, 0, 2], b"a"),
                reserve("<a>"),
                Exchange::new(*b"reserve-with-timeout 4\r\n", never()).expiring(
                    2,
                    second(1),
                    exactly(*b"DEADLINE_SOON\r\n"),
                ),
                ask("delete <a>", "DELETED"),
            ],
        ),
        about(
            "wakes a client that waits when a delay is over",
            [
                tube("d.wake"),
                on(1, tube("d.wake")),
                on(1, wait("reserve")),
                put_with("<a>", [1, 1, 60], b"a"),
                on(1, hear(never()).expiring(3, second(1), reserved("<a>"))),
            ],
        ),
    ]
}

fn malformed() -> Vec<Conversation> {
    let error = || Expected::one_of([&b"UNKNOWN_COMMAND\r\n"[..], b"BAD_FORMAT\r\n"].map(Into::into));
    let refused = |what: &str, say: &[u8]| {
        about(&format!("refuses {what}, and goes on"), [Exchange::new(say, error()), goes_on()])
    };
    let bad = |what: &str, say: &[u8]| {
        let about_it = format!("answers {what} with an error, or ends the connection");
        about(&about_it, [Exchange::new(say, Expected::beginning(*b"BAD_FORMAT").or_end())])
    };
    let long = [&b"use "[..], &[b'x'; 201], b"\r\n"].concat();
    let all = [
        refused("a command that there is not", b"nonsense\r\n"),
        refused("an empty line", b"\r\n"),
        refused("bytes that are no text", b"\xff\xfe\xfd\x01\r\n"),
        refused("a command in capital letters", b"USE x\r\n"),
        refused("an id that is no number", b"delete x\r\n"),
        refused("a command without its words", b"release 1\r\n"),
        refused("a command with a word too many", b"delete 1 2\r\n"),
        refused("a tube without a name", b"use \r\n"),
        refused("a tube's name of 201 bytes", &long),
        refused("a tube's name that begins with a dash", b"use -x\r\n"),
        refused("a put without the number of its bytes", b"put 1 0 60\r\n"),
        bad("a priority that is no number", b"put x 0 60 1\r\nx\r\n"),
        bad("a negative priority", b"put -1 0 60 1\r\nx\r\n"),
        bad("a priority beyond 32 bits", b"put 4294967296 0 60 1\r\nx\r\n"),
        bad("a number of bytes that is none", b"put 1 0 60 x\r\n"),
        bad("a number of bytes beyond 64 bits", b"put 1 0 60 99999999999999999999\r\n"),
        bad("a line of a MiB", &[&vec![b'A'; 1 << 20][..], b"\r\n"].concat()),
        about(
            "answers data without a line end behind it with an error, or ends the connection",
            [Exchange::new(*b"put 1 0 60 3\r\nabcdef\r\n", Expected::beginning(*b"EXPECTED_CRLF").or_end())],
        ),
        about(
            "refuses a job of 65536 bytes, and goes on",
            [
                Exchange::new(
                    [&b"put 1 0 60 65536\r\n"[..], &vec![b'x'; 65_536], b"\r\n"].concat(),
                    exactly(*b"JOB_TOO_BIG\r\n"),
                ),
                goes_on(),
            ],
        ),
        about(
            "refuses a job of 32 MiB, and goes on or ends the connection",
            [Exchange::new(
                [&b"put 1 0 60 33554432\r\n"[..], &vec![b'x'; 32 << 20], b"\r\n"].concat(),
                Expected::beginning(*b"JOB_TOO_BIG").or_end(),
            )],
        ),
    ];
    all.into_iter().flat_map(|one| [one, others()]).collect()
}
