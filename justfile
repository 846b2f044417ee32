# What `.ci/run` does, in pieces.

default:
    @just --list

check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

test *flags:
    cargo test --workspace --locked {{ flags }}

job *flags:
    cargo run --locked -- --once {{ flags }}

template:
    sam validate --lint --template-file infra/template.yaml
    cfn-lint infra/template.yaml

build:
    sam build --template-file infra/template.yaml

invoke function case:
    cargo lambda invoke {{ function }} --data-file events/{{ function }}/{{ case }}.json
