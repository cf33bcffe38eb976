//! Sources of settings, which of them wins, and what is said about wrong ones.
//!
//! Environment variables belong to a process, so every case is a process: this binary again, asked for the one
//! test that resolves what it is given and prints what comes out.

use std::path::Path;
use std::process::Command;

use clap::Parser;
use headwater_server::{LimitsChoice, MasterKeySource, ServeArgs, Settings};
use headwater_types::limits::{Limit, LimitPolicy};

#[derive(Debug, Parser)]
#[command(name = "headwater")]
struct Wrapper {
    #[command(flatten)]
    serve: ServeArgs,
}

const ARGS: &str = "SETTINGS_TEST_ARGS";
const BEGIN: &str = "<<<";
const END: &str = ">>>";

#[test]
fn child() {
    let Ok(args) = std::env::var(ARGS) else { return };
    let args = args.split('\n').filter(|arg| !arg.is_empty());
    let parsed = Wrapper::try_parse_from(std::iter::once("headwater").chain(args));
    let shown = match parsed.map(|wrapper| wrapper.serve.resolve()) {
        Err(error) => format!("usage: {error}"),
        Ok(Err(error)) => format!("error: {error}"),
        Ok(Ok(settings)) => format!(
            "{} {} {} {} {:?} {} {}{}{}{}{}",
            settings.listen,
            settings.data_dir.display(),
            settings.regions,
            settings.account,
            settings.limits,
            settings.log,
            settings.transition.as_millis(),
            tables_shown(&settings),
            limits_shown(&settings),
            keys_shown(&settings),
            scrub_shown(&settings)
        ),
    };
    println!("{BEGIN}{shown}{END}");
}

/// Duration of tables' transitions, if they have any.
fn tables_shown(settings: &Settings) -> String {
    match settings.table_transition.as_millis() {
        0 => String::new(),
        millis => format!(" {millis}"),
    }
}

/// The limits that differ from the base, in the order of the list.
fn limits_shown(settings: &Settings) -> String {
    let base = match settings.limits {
        LimitsChoice::Aws => LimitPolicy::aws(settings.regions.first()),
        LimitsChoice::Off => LimitPolicy::OFF,
    };
    let policy = settings.limit_policy();
    let policy = policy.of(settings.regions.first());
    let changed = Limit::ALL.iter().filter(|&&limit| policy.get(limit) != base.get(limit));
    changed.map(|&limit| format!(" {}={:?}", limit.name(), policy.get(limit))).collect()
}

/// Source of master keys, as a log would show it.
fn keys_shown(settings: &Settings) -> String {
    match &settings.master_keys {
        MasterKeySource::None => String::new(),
        given => format!(" {given:?}"),
    }
}

/// Interval of the scrubber, if it is not a week.
fn scrub_shown(settings: &Settings) -> String {
    match settings.scrub.map(|every| every.as_secs()) {
        Some(604_800) => String::new(),
        every => format!(" scrub={every:?}"),
    }
}

/// The settings, or the error.
fn resolve(args: &[&str], env: &[(&str, &str)]) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "settings::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(ARGS, args.join("\n"))
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let out = String::from_utf8(child.stdout).unwrap();
    let (_, rest) = out.split_once(BEGIN).unwrap_or_else(|| panic!("{out}"));
    rest.rsplit_once(END).unwrap().0.to_owned()
}

fn write(dir: &Path, text: &str) -> String {
    let path = dir.join("headwater.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Resolves with this as the configuration file.
fn with_file(text: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), text);
    let args: Vec<_> = args.iter().copied().chain(["--config", &path]).collect();
    resolve(&args, env).replace(&path, "FILE")
}

#[test]
fn defaults() {
    let expected = "127.0.0.1:4567 headwater-data us-east-1 000000000000 Aws info 200";
    assert_eq!(resolve(&[], &[]), expected);
    assert_eq!(with_file("", &[], &[]), expected);
}

/// Flag, environment variable, key of the file; a value of each; what the settings then are.
const EACH: &[(&str, &str, [&str; 3], [&str; 3])] = &[
    (
        "listen",
        "LISTEN",
        ["127.0.0.1:1", "127.0.0.1:2", "'[::1]:3'"],
        ["127.0.0.1:1", "127.0.0.1:2", "[::1]:3"],
    ),
    ("data-dir", "DATA_DIR", ["one", "two", "'three'"], [" one ", " two ", " three "]),
    ("scrub", "SCRUB", ["90s", "off", "'2h'"], [" scrub=Some(90)", " scrub=None", " scrub=Some(7200)"]),
    (
        "region",
        "REGION",
        ["eu-west-1", "us-west-2,eu-west-2", "'any'"],
        [" eu-west-1 ", " us-west-2, eu-west-2 ", " any "],
    ),
    (
        "account",
        "ACCOUNT",
        ["111111111111", "222222222222", "'333333333333'"],
        ["111111111111", "222222222222", "333333333333"],
    ),
    ("limits", "LIMITS", ["off", "aws", "'off'"], ["Off", "Aws", "Off"]),
    (
        "log",
        "LOG",
        ["error", "warn", "'warn,headwater_streams=debug'"],
        [" error ", " warn ", " warn,headwater_streams=debug "],
    ),
    (
        "master-key-file",
        "MASTER_KEY_FILE",
        ["/a.toml", "/b.toml", "'/c.toml'"],
        ["File(\"/a.toml\")", "File(\"/b.toml\")", "File(\"/c.toml\")"],
    ),
    ("transition-ms", "TRANSITION_MS", ["1", "0", "3000"], [" 1", " 0", " 3000"]),
    ("table-transition-ms", "TABLE_TRANSITION_MS", ["1", "2", "3000"], [" 1", " 2", " 3000"]),
];

#[test]
fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
    for (name, variable, [flag, env, file], [by_flag, by_env, by_file]) in EACH {
        let (flag, text) = (format!("--{name}={flag}"), format!("{name} = {}", quoted(file)));
        let variable = format!("HEADWATER_{variable}");
        let env = [(variable.as_str(), *env)];
        let check = |found: String, expected: &str| {
            assert!(found.contains(expected.trim_end()), "{name}: '{found}' is not '{expected}'");
            assert!(!found.starts_with("error") && !found.starts_with("usage"), "{name}: {found}");
        };
        check(with_file(&text, &[&flag], &env), by_flag);
        check(with_file(&text, &[], &env), by_env);
        check(with_file(&text, &[], &[]), by_file);
        check(resolve(&[&flag], &env), by_flag);
        check(resolve(&[], &env), by_env);
    }
}

/// A key itself comes from the environment only, and is never shown.
#[test]
fn a_master_key_is_in_the_environment_only() {
    let key = "aGVhZHdhdGVyLXRlc3QtbWFzdGVyLWtleS0zMi1ieXQ=";
    let with = |value| resolve(&[], &[("HEADWATER_MASTER_KEY", value)]);
    assert!(with(key).ends_with(" Key(Secret)"), "{}", with(key));
    assert!(!with("").contains("Key"));
    for wrong in ["short", &key[4..], &format!("{key}{key}")] {
        let said = with(wrong);
        assert!(
            said.starts_with("error: HEADWATER_MASTER_KEY is wrong: ") && !said.contains(wrong),
            "{said}"
        );
    }
    let both = resolve(&["--master-key-file=f"], &[("HEADWATER_MASTER_KEY", key)]);
    assert!(both.starts_with("error: both HEADWATER_MASTER_KEY and a master key file"), "{both}");
    assert!(with_file(&format!("master-key = \"{key}\""), &[], &[]).contains("unknown field"));
}

fn quoted(value: &str) -> String {
    value.replace('\'', "\"")
}

/// The part of the settings that shows the limits that differ from `--limits`.
fn limits(file: &str, args: &[&str], env: &str) -> String {
    let shown = with_file(file, args, &[("HEADWATER_LIMIT", env)]);
    let (_, limits) = shown.split_once(" info 200").unwrap_or_else(|| panic!("{shown}"));
    limits.trim_start().to_owned()
}

#[test]
fn single_limits_come_from_the_strongest_place_that_speaks_of_them() {
    let file = "[limit]\nshard-write-records = 1\nshard-write-bytes = 1\nconsumers-per-stream = \"off\"\n";
    let env = "shard-write-records=2, shard-read-calls=2";
    let flags = ["--limit=shard-write-records=3", "--limit", "shard-read-bytes=3"];
    let cases = [
        (
            file,
            &[][..],
            "",
            "shard-write-bytes=Some(1) shard-write-records=Some(1) consumers-per-stream=None",
        ),
        ("", &[], env, "shard-write-records=Some(2) shard-read-calls=Some(2)"),
        ("", &flags, "", "shard-write-records=Some(3) shard-read-bytes=Some(3)"),
        (
            file,
            &flags,
            env,
            "shard-write-bytes=Some(1) shard-write-records=Some(3) shard-read-bytes=Some(3) shard-read-calls=Some(2) \
             consumers-per-stream=None",
        ),
        // AWS's own value changes nothing, and takes back what a weaker place said.
        (
            file,
            &["--limit=shard-write-records=aws"],
            "shard-write-bytes=1048576, ",
            "consumers-per-stream=None",
        ),
        ("", &["--limits=off", "--limit=shards-per-account=aws"], "", "shards-per-account=Some(20000)"),
        (
            "",
            &["--limits=off", "--limit=shards-per-account=aws", "--region=eu-west-2"],
            "",
            "shards-per-account=Some(1000)",
        ),
        // Of two flags for one limit the later one counts.
        ("", &["--limit=shard-read-calls=7", "--limit=shard-read-calls=8"], "", "shard-read-calls=Some(8)"),
        ("", &[], ",,", ""),
    ];
    for (file, args, env, expected) in cases {
        assert_eq!(limits(file, args, env), expected, "{file} {args:?} {env}");
    }
}

#[test]
fn a_group_of_limits_is_set_at_once() {
    let rates: Vec<_> = Limit::ALL.iter().filter(|limit| limit.is_control_plane()).collect();
    let all = |value: &str| {
        rates.iter().map(|limit| format!("{}={value}", limit.name())).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(limits("", &["--limit=control-plane=off"], ""), all("None"));
    assert_eq!(limits("", &[], "control-plane=99"), all("Some(99)"));
    assert_eq!(limits("limit.control-plane = 99", &[], ""), all("Some(99)"));
    // What is said of one limit counts more than what is said of all, at the same place; a stronger place counts more.
    let one = ["--limit=list-shards-calls=7", "--limit=control-plane=aws"];
    assert_eq!(limits("", &one, ""), "list-shards-calls=Some(7)");
    assert_eq!(limits("", &["--limit=control-plane=off"], "list-shards-calls=7"), all("None"));
}

#[test]
fn wrong_limits() {
    let form = "'shard-read-calls' changes no limit; write NAME=VALUE, such as shard-write-records=5000 or \
                control-plane=off";
    let rate = |value: &str| {
        format!(
            "shard-read-calls cannot be '{value}': it is a whole number from 1 to 1000000000000, 'off' or 'aws'"
        )
    };
    let cases = [
        ("shard-read-calls", form.to_owned()),
        ("shard-read-calls=", rate("")),
        ("shard-read-calls=0", rate("0")),
        ("shard-read-calls=-1", rate("-1")),
        ("shard-read-calls=+1", rate("+1")),
        ("shard-read-calls=1.5", rate("1.5")),
        ("shard-read-calls=OFF", rate("OFF")),
        ("shard-read-calls=1000000000001", rate("1000000000001")),
        ("shard-read-calls=99999999999999999999999", rate("99999999999999999999999")),
        (
            "shards-per-account=2147483648",
            "shards-per-account cannot be '2147483648': it is a whole number from 1 to 2147483647, 'off' or 'aws'".into(),
        ),
        (
            "control-plane=0",
            "control-plane cannot be '0': it is a whole number from 1 to 1000000000000, 'off' or 'aws'".into(),
        ),
        (
            "shard-reed-call=1",
            "there is no limit 'shard-reed-call'; did you mean shard-read-calls?".into(),
        ),
        ("shard_write_bytes=1", "there is no limit 'shard_write_bytes'; did you mean shard-write-bytes?".into()),
        (
            "write=1",
            "there is no limit 'write'; did you mean shard-write-bytes or shard-write-records or on-demand-write-mib?"
                .into(),
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(
            resolve(&[], &[("HEADWATER_LIMIT", change)]),
            format!("error: HEADWATER_LIMIT is wrong: {expected}")
        );
        let said = resolve(&[&format!("--limit={change}")], &[]);
        let usage = format!("usage: error: invalid value '{change}' for '--limit <NAME=VALUE>': {expected}");
        assert!(said.starts_with(&usage), "{said}");
        if let Some((name, value)) = change.split_once('=') {
            let said = with_file(&format!("\n[limit]\n{name} = \"{value}\"\n"), &[], &[]);
            assert_eq!(said, format!("error: the configuration file FILE is wrong: line 2: {expected}"));
        }
    }
    let all = resolve(&[], &[("HEADWATER_LIMIT", "speed=1")]);
    let names: Vec<_> = Limit::ALL.iter().map(|limit| limit.name()).collect();
    let listed = format!("there is no limit 'speed'; the limits are control-plane, {}", names.join(", "));
    assert_eq!(all, format!("error: HEADWATER_LIMIT is wrong: {listed}"));
    let whole = "a limit is a whole number, \"off\" or \"aws\"".to_owned();
    for (value, expected) in [("true", whole.clone()), ("1.5", whole), ("-3", rate("-3"))] {
        let said = with_file(&format!("limit.shard-read-calls = {value}"), &[], &[]);
        assert_eq!(said, format!("error: the configuration file FILE is wrong: line 1: {expected}"));
    }
    assert!(
        with_file("limit = 5", &[], &[]).starts_with("error: the configuration file FILE is wrong: line 1: ")
    );
    // Zero forbids one thing and leaves the rest working.
    assert_eq!(limits("", &[], "on-demand-streams=0"), "on-demand-streams=Some(0)");
}

#[test]
fn the_file_is_found_by_flag_or_environment() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "region = \"ap-south-1\"\ntransition-ms = 7\n");
    assert!(resolve(&[], &[("HEADWATER_CONFIG", &path)]).contains("ap-south-1"));
    assert!(resolve(&["--config", &path], &[("HEADWATER_CONFIG", "elsewhere")]).contains("ap-south-1"));
}

#[test]
fn wrong_values() {
    let region = "name one region, up to 64 with commas between them, or 'any'; a region is 1 to 24 of a-z, 0-9 and '-', \
                  such as us-east-1";
    let address = "an address and a port, such as 127.0.0.1:4567 or [::1]:4567";
    let scrub = "a time such as 30m, 12h or 7d, of ten years at the most, or off";
    let cases = [
        ("--scrub=0d", format!("error: scrub '0d' is wrong: {scrub}")),
        ("--scrub=week", format!("error: scrub 'week' is wrong: {scrub}")),
        ("--scrub=99999999999999999999d", format!("error: scrub '99999999999999999999d' is wrong: {scrub}")),
        ("--region=", format!("error: region '' is wrong: {region}")),
        ("--region=us-east-1,", format!("error: region 'us-east-1,' is wrong: {region}")),
        ("--region=US_EAST", format!("error: region 'US_EAST' is wrong: {region}")),
        ("--account=1234", "error: account '1234' is wrong: an account is 12 digits".into()),
        ("--account=12345678901x", "error: account '12345678901x' is wrong: an account is 12 digits".into()),
        ("--listen=4567", format!("error: listen '4567' is wrong: {address}")),
        ("--listen=127.0.0.1", format!("error: listen '127.0.0.1' is wrong: {address}")),
        ("--listen=127.0.0.1:65536", format!("error: listen '127.0.0.1:65536' is wrong: {address}")),
        (
            "--log=headwater=loud",
            "error: log 'headwater=loud' is wrong: use error, warn, info, debug, trace, or directives such as \
             'warn,headwater_streams=debug'"
                .into(),
        ),
    ];
    for (arg, expected) in cases {
        assert_eq!(resolve(&[arg], &[]), expected);
        // The same from the environment.
        let (name, value) = arg.trim_start_matches("--").split_once('=').unwrap();
        let variable = format!("HEADWATER_{}", name.to_ascii_uppercase());
        assert_eq!(resolve(&[], &[(&variable, value)]), expected);
        // And from the file.
        assert_eq!(with_file(&format!("{name} = \"{value}\""), &[], &[]), expected);
    }
}

#[test]
fn wrong_usage() {
    for arg in [
        "--limits=some",
        "--transition-ms=-1",
        "--transition-ms=soon",
        "--transition-ms=4294967296",
        "--port=1",
    ] {
        let said = resolve(&[arg], &[]);
        assert!(
            said.starts_with("usage: error: ") && said.contains(arg.split_once('=').unwrap().0),
            "{arg}: {said}"
        );
    }
    let said = resolve(&[], &[("HEADWATER_LIMITS", "some")]);
    assert!(said.contains("[possible values: aws, off]"), "{said}");
}

#[test]
fn wrong_files() {
    let cases = [
        ("listen = ", "line 1: "),
        (
            "# comment\nport = 4567\n",
            "line 2: unknown field `port`, expected one of `listen`, `connections`, `data-dir`, ",
        ),
        ("config = \"other.toml\"\n", "line 1: unknown field `config`"),
        ("data_dir = \"x\"\n", "line 1: unknown field `data_dir`"),
        ("region = \"a\"\n\nregion = \"b\"\n", "line 3: "),
        ("limits = \"some\"\n", "line 1: unknown variant `some`, expected `aws` or `off`"),
        ("transition-ms = -1\n", "line 1: "),
        ("transition-ms = \"1\"\n", "line 1: "),
        ("account = 123456789012\n", "line 1: "),
        ("insecure = \"yes\"\n", "line 1: "),
    ];
    for (text, expected) in cases {
        let said = with_file(text, &[], &[]);
        let whole = format!("error: the configuration file FILE is wrong: {expected}");
        assert!(said.starts_with(&whole) && !said.contains('\n'), "{text}: {said}");
    }
    let missing = resolve(&["--config=no-such-file.toml"], &[]);
    assert!(
        missing.starts_with("error: cannot read the configuration file no-such-file.toml: "),
        "{missing}"
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.toml");
    std::fs::write(&path, " ".repeat((1 << 20) + 1)).unwrap();
    let large = resolve(&["--config", &path.display().to_string()], &[]);
    assert!(large.ends_with("the file is larger than 1 MiB"), "{large}");
    std::fs::write(&path, b"region = \"\xff\"").unwrap();
    let binary = resolve(&["--config", &path.display().to_string()], &[]);
    assert!(
        binary.starts_with("error: cannot read the configuration file") && !binary.contains('\n'),
        "{binary}"
    );
}

#[test]
fn listening_beyond_this_machine_is_refused() {
    for address in ["0.0.0.0:4567", "[::]:4567", "192.0.2.1:4567"] {
        let listen = format!("--listen={address}");
        let expected = format!(
            "error: refusing to listen on {address}: no credentials are configured, so anybody who reaches this \
             address could read and delete everything. Give --credentials, listen on 127.0.0.1, or give --insecure if \
             the network is trusted"
        );
        assert_eq!(resolve(&[&listen], &[]), expected);
        assert_eq!(resolve(&[&listen, "--insecure=false"], &[]), expected);
        assert_eq!(resolve(&[&listen, "--insecure=false"], &[("HEADWATER_INSECURE", "true")]), expected);
        assert_eq!(resolve(&[], &[("HEADWATER_LISTEN", address)]), expected);
        assert_eq!(with_file(&format!("listen = \"{address}\""), &[], &[]), expected);
        for allowed in [
            resolve(&[&listen, "--insecure"], &[]),
            resolve(&[&listen, "--credentials=c.toml"], &[]),
            resolve(&[&listen], &[("HEADWATER_CREDENTIALS", "c.toml")]),
            with_file("credentials = \"c.toml\"", &[&listen], &[]),
            resolve(&[&listen, "--insecure=true"], &[]),
            resolve(&[&listen], &[("HEADWATER_INSECURE", "true")]),
            resolve(&[&listen], &[("HEADWATER_INSECURE", "1")]),
            with_file(&format!("listen = \"{address}\"\ninsecure = true"), &[], &[]),
        ] {
            assert!(allowed.starts_with(address), "{allowed}");
        }
    }
    for local in ["127.0.0.1:0", "127.8.9.10:1", "[::1]:1"] {
        assert!(resolve(&[&format!("--listen={local}")], &[]).starts_with(local));
    }
    assert!(!resolve(&["--listen=localhost:1"], &[]).starts_with("error"));
}

/// The current directory must not be filled with the files of a log by mistake.
#[test]
fn an_empty_data_directory_is_refused() {
    assert!(resolve(&["--data-dir="], &[]).contains("--data-dir"));
    let said = with_file("data-dir = \"\"", &[], &[]);
    assert!(said.starts_with("error: data-dir '' is wrong"), "{said}");
}
