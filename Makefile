# Everything a newcomer or a machine runs; `make help` lists it. Nothing has to be exported first.

# What a plain build leaves out: results in an object store and collections on Milvus, tested against real servers, and traces, to a
# collector of the test's own.
OPTIONAL = --features simclr-eval/object-store-tests,simclr-serve/milvus,simclr-serve/otel

.PHONY: help demo test bench lint format native-libs

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## serve the shipped encoder on real photographs (PICTURES=folder, PORT=n, ONCE=1 to stop after the tour)
	@tools/demo

test: native-libs ## every test of every crate (real pictures too where SIMCLR_TEST_DATA names a folder of them)
	python3 -B -m unittest discover -s tools/tests
	@# The licences of features that are not built are looked at too, without a network.
	cargo fetch --locked --target x86_64-unknown-linux-gnu
	tools/milvus/run cargo test --release --workspace --locked $(OPTIONAL)
	tools/clients/run --tested='$(OPTIONAL)'
	@# Of the whole workspace, like the tests before: one package alone would have its dependencies built once more.
	@if command -v cmake >/dev/null && command -v nasm >/dev/null; \
	then cargo test --release --workspace --locked $(OPTIONAL),simclr-models/libjpeg-turbo --test jpeg --test pictures; \
	else echo "SKIPPED: the tests of libjpeg-turbo's decoder, which takes cmake and nasm to build"; fi

bench: ## our figures beside the peers', interleaved on this machine (ONLY=prefix runs some); JSON in target/bench
	@tools/bench/run $(ONLY)

lint: native-libs ## formatting, clippy without warnings, licences and bans
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked $(OPTIONAL) -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --all-features check bans licenses sources; \
	else echo "cargo-deny is not installed (cargo install cargo-deny --locked): licences are checked by 'make test' alone"; fi

format: ## put every Rust file into the committed format
	cargo fmt --all

native-libs: ## bring ONNX Runtime and libtorch into third_party
	@tools/native-libs
