//! The binary `headwater`.

fn main() -> std::process::ExitCode {
    headwater_cli::main()
}
