#!/usr/bin/env bash
# Runs the model crate's tests under AddressSanitizer: its kernels hold the only unsafe code of the workspace.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=x86_64-unknown-linux-gnu
if [ "$(rustc -vV | sed -n 's/^host: //p')" != "$target" ]; then
  echo "skipped: the sanitizer is only set up for $target"
  exit 0
fi

# The sanitizer is an unstable option, though its runtime comes with the stable toolchain.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Zsanitizer=address"
# Code under the sanitizer is slow, and every case is run on every instruction set.
export PROPTEST_CASES=${PROPTEST_CASES:-32}
# A folder of its own: other flags would have everything else built anew.
"${CARGO:-cargo}" test --locked -p model --lib --target "$target" --target-dir "${CARGO_TARGET_DIR:-target}/sanitizer"
