# Short names for what is done often; each line is what one would type by hand.

# The tests, as on any machine.
test:
    cargo test

# Everything that is checked before a change lands.
ci:
    .ci/run

# What a first look shows: no cluster needed.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Speed and memory on the largest captures.
bench:
    bench/run

# Archives for krew, and their sums in krew-manifest.yaml.
dist:
    packaging/dist

# The end-to-end layer on the cluster that KUBECONFIG names; it must be one to play with.
e2e:
    rustup target add x86_64-unknown-linux-musl
    cargo build --target x86_64-unknown-linux-musl
    SVC_TRACE_AGENT=$PWD/target/x86_64-unknown-linux-musl/debug/kubectl-svc_trace SVC_TRACE_E2E=1 SVC_TRACE_REQUIRE=cluster cargo test --test e2e --test e2e_check --test e2e_dns --test e2e_dns_ways

# Lints as they are checked before a change lands.
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings
    RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --locked
    cargo deny check bans licenses sources
