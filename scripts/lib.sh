# Sourced by the scripts beside it: where the package is, and how to get what a fresh Debian machine with Swift lacks.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# -h, --help: the comment at the head of the script, before anything is installed or built.
for argument in "$@"; do
  case $argument in
  --) break ;;
  -h | --help)
    sed -nE '2,/^[^#]/ s/^# ?//p' "$0"
    exit 0
    ;;
  esac
done

command -v swift >/dev/null || die "no Swift toolchain in PATH; install Swift 6.2 or later from swift.org"

# require COMMAND PACKAGE: installs the Debian package unless the command is there.
require() {
  command -v "$1" >/dev/null && return
  install_packages "$2" || die "cannot install $2, which brings $1; install it by hand"
}

# require_file PATH PACKAGE: the same for a library or a header.
require_file() {
  [ -e "$1" ] && return
  install_packages "$2" || die "cannot install $2, which brings $1; install it by hand"
}

# require_sqlite: the history of `memwhy watch` is SQLite's, and the Debian package of the library has no headers.
require_sqlite() { require_file /usr/include/sqlite3.h libsqlite3-dev; }

# require_zlib: profiles are gzipped, and the Debian package of the library has no headers.
require_zlib() { require_file /usr/include/zlib.h zlib1g-dev; }

# optional COMMAND PACKAGE: tests that need it skip with a reason where it cannot be had.
optional() {
  command -v "$1" >/dev/null && return
  install_packages "$2" || say "$2 cannot be installed; tests that need $1 will be skipped"
}

# optional_file PATH PACKAGE: the same for a library.
optional_file() {
  [ -e "$1" ] && return
  install_packages "$2" || say "$2 cannot be installed; tests that need $1 will be skipped"
}

apt_is_fresh=
install_packages() {
  command -v apt-get >/dev/null || return 1
  local as_root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || return 1
    as_root=sudo
  fi
  if [ -z "$apt_is_fresh" ]; then
    $as_root apt-get -qq update >/dev/null || return 1
    apt_is_fresh=1
  fi
  say "installing $*"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# cache_package FOLDER: a package of the cache and its tests alone, and goes there. What has to be built in another way takes a minute then instead of many.
cache_package() {
  mkdir -p "$1/Sources" "$1/Tests"
  ln -sfn "$root/Sources/LocalCache" "$1/Sources/LocalCache"
  ln -sfn "$root/Sources/CLocalCache" "$1/Sources/CLocalCache"
  ln -sfn "$root/Tests/LocalCacheTests" "$1/Tests/LocalCacheTests"
  cat >"$1/Package.swift" <<'SWIFT'
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "cache",
  targets: [
    .target(name: "CLocalCache"),
    .target(name: "LocalCache", dependencies: ["CLocalCache"], swiftSettings: [.swiftLanguageMode(.v6)]),
    // The tests of sizes compare with a program of the main package, and those of the documentation's code need its tools for tests.
    .testTarget(
      name: "LocalCacheTests", dependencies: ["LocalCache"],
      exclude: ["SizeTests.swift", "MemoryTests.swift", "SampleCodeTests.swift"], swiftSettings: [.swiftLanguageMode(.v6)]),
  ])
SWIFT
  cd "$1"
}

# run_tests SECONDS ARGUMENT...: `swift test` with these arguments. Some tests compare chance or time with a bound, on a machine that others use as well.
# Up to two that fail are therefore run once more by themselves, and named, so that nobody takes them for tests that always pass. A crash is final.
run_tests() {
  local seconds=$1 output status=0 failed rest=()
  shift
  output=$(mktemp)
  timeout "$seconds" swift test --skip-build "$@" 2>&1 | tee "$output" || status=$?
  grep -q '^✘ Test run with .* failed after' "$output" &&
    failed=$(sed -nE 's/^✘ Test ([A-Za-z0-9_]+)\(.* failed after .*/\1/p' "$output" | sort -u) || failed=
  rm -f "$output"
  [ "$status" = 0 ] && return
  [ -n "$failed" ] && [ "$(wc -l <<<"$failed")" -le 2 ] || return "$status"
  # Filters add up, so the ones of before make place.
  while [ $# -gt 0 ]; do
    [ "$1" = --filter ] && shift || rest+=("$1")
    shift
  done
  say "once more, alone: "$failed
  timeout "$seconds" swift test --skip-build "${rest[@]}" --filter "/($(paste -sd'|' <<<"$failed"))\(" || return
  say "passed when repeated, look into it: "$failed
}
