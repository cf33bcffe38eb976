//! The binary `headwater`.

/// Gives memory back to the system some seconds after it was freed, by a thread of its own (docs/decisions/0003).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    headwater_cli::main()
}
