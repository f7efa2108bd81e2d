//! The `takehome` program.

fn main() {
    // Before anything else: cells are set up by this same executable.
    runner::backend::native::helper_main_if_asked();
}
