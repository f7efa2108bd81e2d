//! The judges of transactions, as `verify-history --model` names them.

use super::{append, register};
use crate::verify::{Answer, Judge, Recorded, Settings};

/// Transactions of appends to lists and reads of them.
#[derive(Debug, Clone, Copy)]
pub struct ListAppend;

/// The judge of lists.
pub static LIST_APPEND: ListAppend = ListAppend;

/// Transactions of reads and writes of registers.
#[derive(Debug, Clone, Copy)]
pub struct RwRegister;

/// The judge of registers.
pub static RW_REGISTER: RwRegister = RwRegister;

fn transactions(recorded: &Recorded) -> Result<&super::Transactions, String> {
    match recorded {
        Recorded::Transactions(transactions) => Ok(transactions),
        Recorded::Operations(_) => Err("this history holds single operations, not transactions".to_owned()),
    }
}

impl Judge for ListAppend {
    fn name(&self) -> &'static str {
        "list-append"
    }

    fn about(&self) -> &'static str {
        "transactions that append unique elements to lists and read them are at the required consistency level"
    }

    fn has_levels(&self) -> bool {
        true
    }

    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        append::judge(transactions(recorded)?, settings)
    }
}

impl Judge for RwRegister {
    fn name(&self) -> &'static str {
        "rw-register"
    }

    fn about(&self) -> &'static str {
        "transactions that write unique values to registers and read them are at the required consistency level"
    }

    fn has_levels(&self) -> bool {
        true
    }

    fn judge(&self, recorded: &Recorded, settings: &Settings<'_>) -> Result<Answer, String> {
        register::judge(transactions(recorded)?, settings)
    }
}
