//! Sources against real repositories: honest ones, broken ones and hostile ones, over every transport.

#[path = "source/apart.rs"]
mod apart;
#[path = "source/bounds.rs"]
mod bounds;
#[path = "source/fixture.rs"]
mod fixture;
#[path = "source/folders.rs"]
mod folders;
#[path = "source/hostile.rs"]
mod hostile;
#[path = "source/http.rs"]
mod http;
#[path = "source/names.rs"]
mod names;
#[path = "source/repositories.rs"]
mod repositories;
#[path = "source/server.rs"]
mod server;
#[path = "source/streams.rs"]
mod streams;
#[path = "source/submodules.rs"]
mod submodules;
