//! Goes with a cell for as long as it lives: changes requests on their way in, or takes them over, and keeps what the cell
//! needs until the moment before its end is told.

use super::{Cell, CellEvent, Control, living::Living};
use tokio::sync::mpsc;

/// A cell whose requests are changed by `change`, or are dealt with there, with `luggage` that is dropped when it has ended.
pub(super) fn escort<L: Send + 'static>(
    cell: Cell,
    luggage: L,
    change: impl Fn(&L, Control) -> Option<Control> + Send + Sync + 'static,
) -> Cell {
    let Cell { control: inner, events: mut told, egress } = cell;
    let (control, mut requests) = mpsc::unbounded_channel();
    let (sender, events) = mpsc::unbounded_channel();
    let living = Living::new();
    tokio::spawn(async move {
        let mut inner = Some(inner);
        let end = loop {
            let request = tokio::select! {
                request = requests.recv(), if inner.is_some() => request,
                event = told.recv() => match event {
                    Some(end @ (CellEvent::Closed(_) | CellEvent::Lost(_))) => break Some(end),
                    None => break None,
                    Some(event) => { let _ = sender.send(event); continue }
                },
            };
            match (&inner, request) {
                (Some(to), Some(request)) => drop(change(&luggage, request).map(|request| to.send(request))),
                // The caller has dropped the cell, and so do we.
                _ => inner = None,
            }
        };
        // Luggage may be folders full of files.
        let _ = tokio::task::spawn_blocking(move || drop(luggage)).await;
        drop(living);
        end.map(|end| sender.send(end));
    });
    Cell { control, events, egress }
}
