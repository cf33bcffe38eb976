//! The arrows between crates and the homes of heavy dependencies, as `layers.toml` allows them.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use crate::Result;
use crate::workspace::{Package, Workspace, short};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    /// Crate: the workspace crates it may depend on.
    arrows: BTreeMap<String, Vec<String>>,
    /// The same for tests only, in addition.
    #[serde(default)]
    test_arrows: BTreeMap<String, Vec<String>>,
    /// Third-party crate: the only crates that may name it, tests aside.
    homes: BTreeMap<String, Vec<String>>,
    /// Crate: third-party crates it must never name, in tests neither.
    never: BTreeMap<String, Vec<String>>,
}

pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let layers: Layers = toml::from_str(&fs::read_to_string(workspace.root.join("layers.toml"))?)?;
    Ok(workspace.packages.iter().flat_map(|package| of_package(&layers, package)).collect())
}

fn of_package(layers: &Layers, package: &Package) -> Vec<String> {
    let name = package.short_name();
    let Some(arrows) = layers.arrows.get(name) else {
        return vec![format!("{name}: layers.toml has no line for this crate in [arrows]")];
    };
    let lists = |table: &BTreeMap<String, Vec<String>>, key: &str, value: &str| {
        table.get(key).is_some_and(|list| list.iter().any(|listed| listed == value))
    };
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let other = short(&dependency.name);
        let for_tests = dependency.is_for_tests();
        if dependency.path.is_some() {
            let allowed = arrows.iter().any(|arrow| arrow == other)
                || (for_tests && (other == name || lists(&layers.test_arrows, name, other)));
            if !allowed {
                found.push(format!("{name} must not depend on {other} (layers.toml, [arrows])"));
            }
            continue;
        }
        if lists(&layers.never, name, other) {
            found.push(format!("{name} must never name {other} (layers.toml, [never])"));
        }
        if let Some(homes) = layers.homes.get(other)
            && !for_tests
            && !homes.iter().any(|home| home == name)
        {
            let homes = homes.join(", ");
            found.push(format!(
                "{name} must not depend on {other}, whose home is {homes} (layers.toml, [homes])"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn check(dependency: &str, ours: bool, kind: Option<&str>, expected: usize) {
        let layers = Layers {
            arrows: BTreeMap::from([("store".into(), vec!["types".into()])]),
            test_arrows: BTreeMap::from([("store".into(), vec!["host".into()])]),
            homes: BTreeMap::from([("hyper".into(), vec!["api".into()])]),
            never: BTreeMap::from([("store".into(), vec!["clap".into()])]),
        };
        let dependency = Dependency {
            name: dependency.into(),
            kind: kind.map(str::to_owned),
            path: ours.then(|| "somewhere".into()),
        };
        let package = Package {
            name: "headwater-store".into(),
            manifest_path: "Cargo.toml".into(),
            dependencies: vec![dependency],
        };
        assert_eq!(of_package(&layers, &package).len(), expected);
    }

    #[test]
    fn arrows_and_homes() {
        check("headwater-types", true, None, 0);
        check("headwater-api", true, None, 1);
        check("headwater-host", true, None, 1);
        check("headwater-host", true, Some("dev"), 0);
        check("hyper", false, None, 1);
        check("hyper", false, Some("dev"), 0);
        check("clap", false, Some("dev"), 1);
        check("bytes", false, None, 0);
    }
}
