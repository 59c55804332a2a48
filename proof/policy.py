"""Asks what deny.toml says of licenses, sources and doubled packages: what `cargo deny check bans
licenses sources` asks, which takes minutes to build, but for wildcards. Fails with all that is not as
it says."""

import json
import re
import subprocess
import sys
import tomllib


def brought():
    """Returns all packages that the crate brings, with all features and for all targets."""
    command = ["cargo", "metadata", "--format-version", "1", "--all-features"]
    metadata = json.loads(subprocess.check_output(command))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting, seen = [metadata["resolve"]["root"]], set()
    while waiting:
        node = nodes[waiting.pop()]
        for dependency in node["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            if kinds - {"dev"} and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return [packages[package] for package in seen]


def is_allowed(expression, allowed):
    """Evaluates an SPDX expression; of old ones, in which `/` stands for `OR`, too."""
    expression = re.sub(r"\s+WITH\s+", "+", expression or "unknown").replace("/", " OR ")
    words = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    tokens = re.findall(r"[()]|[^\s()]+", expression)
    return eval(" ".join(words.get(token, str(token in allowed)) for token in tokens))


with open("deny.toml", "rb") as file:
    policy = tomllib.load(file)
allowed = set(policy["licenses"]["allow"])
exceptions = {entry["crate"]: entry["allow"] for entry in policy["licenses"]["exceptions"]}
skipped = [entry["crate"].split("@") for entry in policy["bans"]["skip"]]

faults, versions, needless = [], {}, {f"{name}@{version}" for name, version in skipped}
packages = brought()
for package in packages:
    name, version, license = package["name"], package["version"], package["license"]
    if not is_allowed(license, allowed | set(exceptions.get(name, []))):
        faults.append(f"{name} {version}: the license {license} is not allowed")
    if package["source"] != "registry+https://github.com/rust-lang/crates.io-index":
        faults.append(f"{name} {version}: it does not come from crates.io")
    skips = [f"{other}@{old}" for other, old in skipped if name == other and f"{version}.".startswith(f"{old}.")]
    if skips:
        needless -= set(skips)
    else:
        versions.setdefault(name, []).append(version)
faults += [f"{name}: {', '.join(all)}" for name, all in versions.items() if len(all) > 1]
faults += [f"{skip}: it is not there any more" for skip in needless]
print("\n".join([f"{len(packages)} packages", *faults]))
sys.exit(bool(faults) or not packages)
