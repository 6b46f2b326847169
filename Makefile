# rnet: `make demo` shows it, `make test` proves it. Both install what they need (Debian, Ubuntu) but Rust itself.

PREFIX ?= /usr/local
PACKAGES := busybox-static curl iproute2 iptables nftables
PROGRAMS := netd rnet rnet-shim

CARGO ?= cargo
ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
ifneq ($(ROOT),)
# cargo builds as you, and starts tests as root
TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p' | tr a-z- A-Z_)
export CARGO_TARGET_$(TRIPLE)_RUNNER := sudo -E
endif

.PHONY: help
help:
	@echo 'make demo     the story of rnet, told by real containers on a private lab host'
	@echo 'make lab      a shell on such a lab host, with netd and the image busybox'
	@echo 'make test     everything that must hold: format, lints, all tests'
	@echo 'make bench    what attaching costs, beside the bare kernel'
	@echo 'make install  programs, service and configuration below $(PREFIX) and /etc'

.PHONY: demo
demo: setup release
	$(ROOT) target/release/rnet-demo

.PHONY: lab
lab: setup release
	$(ROOT) target/release/rnet-demo shell

.PHONY: test
test: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	$(CARGO) build --workspace --quiet
	$(CARGO) test --workspace --doc --quiet
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; \
	$(CARGO) nextest run --workspace --no-fail-fast --status-level fail --final-status-level fail; \
	else set -x; $(CARGO) test --workspace --lib --bins --tests --no-fail-fast --quiet; fi

.PHONY: bench
bench: setup release
	$(CARGO) bench --package netd --bench attach

.PHONY: release
release:
	$(CARGO) build --workspace --release

.PHONY: setup
setup:
	@missing=; for package in $(PACKAGES); do \
	dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q '^install ok' || missing="$$missing $$package"; done; \
	[ -z "$$missing" ] || { echo "installing$$missing"; export DEBIAN_FRONTEND=noninteractive; \
	$(ROOT) apt-get update -qq && $(ROOT) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }

.PHONY: install
install: release
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/rnet $(DESTDIR)/etc/systemd/system
	install $(PROGRAMS:%=target/release/%) $(DESTDIR)$(PREFIX)/bin
	[ -e $(DESTDIR)/etc/rnet/netd.toml ] || install -m 644 dist/netd.toml $(DESTDIR)/etc/rnet
	sed 's|/usr/local|$(PREFIX)|' dist/netd.service >$(DESTDIR)/etc/systemd/system/netd.service
