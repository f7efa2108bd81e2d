//! Mutexes: one process at a time holds the lock. Plain, reentrant and with fencing tokens.

use super::{Decoded, Model, Refusal};
use crate::history::{Function, History};

/// A lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutex {
    /// What kind of lock it is.
    pub kind: Kind,
}

/// Kinds of locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only its holder may release it, and nobody may acquire what they hold.
    Owned,
    /// Anyone may release it, as in Knossos's mutex.
    Shared,
    /// Its holder may acquire it again, and has to release it as often.
    Reentrant,
    /// An owned one whose acquires give tokens that grow from each holder to the next.
    Fenced,
}

/// What is done to a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A process takes it, and gets a token where there are any.
    Acquire(u32, Option<i64>),
    /// It was held, so that the process did not get it.
    Refused(u32),
    /// A process gives it back.
    Release(u32),
}

/// A lock's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// Who holds it, and how many times over.
    pub holder: Option<(u32, u32)>,
    /// The greatest token that was given.
    pub token: Option<i64>,
}

impl Model for Mutex {
    type Op = Op;
    type State = State;

    fn initial(&self) -> State {
        State { holder: None, token: None }
    }

    fn decode(&self, history: &History, operation: u32) -> Result<Decoded<Op>, String> {
        let op = history.get(operation);
        let process = if self.kind == Kind::Shared { 0 } else { op.process };
        match op.function {
            Function::Acquire if history.values.is_false(op.result) => Ok(Decoded::Pure(Op::Refused(process))),
            Function::Acquire => {
                let token = history.values.as_int(op.result).filter(|_| self.kind == Kind::Fenced);
                Ok(Decoded::Effect(Op::Acquire(process, token)))
            }
            Function::Release => Ok(Decoded::Effect(Op::Release(process))),
            _ => Err(format!(
                "operation {operation} ({}): a mutex knows `acquire` and `release`",
                history.show(operation)
            )),
        }
    }

    fn step(&self, state: &State, op: Op) -> Option<State> {
        match (op, state.holder) {
            (Op::Acquire(_, Some(token)), None) if state.token.is_some_and(|last| token <= last) => None,
            (Op::Acquire(process, token), None) => {
                Some(State { holder: Some((process, 1)), token: token.or(state.token) })
            }
            (Op::Acquire(process, _), Some((holder, times))) if self.kind == Kind::Reentrant && holder == process => {
                Some(State { holder: Some((holder, times.checked_add(1)?)), ..*state })
            }
            (Op::Refused(process), Some((holder, _))) if self.kind != Kind::Reentrant || holder != process => {
                Some(*state)
            }
            (Op::Release(process), Some((holder, times))) if holder == process => {
                Some(State { holder: (times > 1).then(|| (holder, times - 1)), ..*state })
            }
            _ => None,
        }
    }
}

impl Refusal for Mutex {
    fn refusal(&self, history: &History, state: &State, op: Op) -> String {
        let holder = match state.holder {
            Some(_) if self.kind == Kind::Shared => "it is held".to_owned(),
            Some((holder, _)) => format!("{} holds it", history.process_name(holder)),
            None => "nobody holds it".to_owned(),
        };
        match (op, state.holder, state.token) {
            (Op::Acquire(_, Some(token)), None, Some(last)) => {
                format!("cannot acquire it with token {token}, {last} was given before")
            }
            (Op::Acquire(..), ..) => format!("cannot acquire it, {holder}"),
            (Op::Refused(_), ..) => format!("cannot be refused, {holder}"),
            (Op::Release(_), ..) => format!("cannot release it, {holder}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(kind: Kind, ops: &[Op]) -> Option<State> {
        let mutex = Mutex { kind };
        ops.iter().try_fold(mutex.initial(), |state, op| mutex.step(&state, *op))
    }

    #[test]
    fn one_holds_it_at_a_time() {
        use Op::{Acquire, Refused, Release};
        let two = [Acquire(1, None), Acquire(2, None)];
        let again = [Acquire(1, None), Acquire(1, None), Release(1), Release(1)];
        let other = [Acquire(1, None), Release(2)];
        assert!(Kind::Owned != Kind::Shared && play(Kind::Owned, &two).is_none());
        assert!(play(Kind::Reentrant, &two).is_none() && play(Kind::Fenced, &two).is_none());
        assert!(play(Kind::Reentrant, &again).is_some_and(|state| state.holder.is_none()));
        assert!(
            play(Kind::Owned, &again).is_none()
                && play(Kind::Reentrant, &[again[0], again[1], again[2], two[1]]).is_none()
        );
        assert!(play(Kind::Owned, &other).is_none() && play(Kind::Owned, &[Release(1)]).is_none());
        assert!(play(Kind::Owned, &[Acquire(1, None), Refused(2), Release(1)]).is_some());
        assert!(
            play(Kind::Owned, &[Refused(2)]).is_none()
                && play(Kind::Reentrant, &[Acquire(1, None), Refused(1)]).is_none()
        );
    }

    #[test]
    fn tokens_grow() {
        use Op::{Acquire, Release};
        assert!(play(Kind::Fenced, &[Acquire(1, Some(3)), Release(1), Acquire(2, Some(4))]).is_some());
        assert!(play(Kind::Fenced, &[Acquire(1, Some(3)), Release(1), Acquire(2, Some(3))]).is_none());
        assert!(
            play(Kind::Fenced, &[Acquire(1, Some(3)), Release(1), Acquire(2, None), Release(2), Acquire(1, Some(3))])
                .is_none()
        );
    }
}
