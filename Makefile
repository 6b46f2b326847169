# rnet: `make demo` shows it, `make test` proves it. Both install what they need (Debian, Ubuntu) but Rust itself.

PREFIX ?= /usr/local
PACKAGES := buildah busybox-static containernetworking-plugins curl docker-compose iproute2 iptables nftables openssl podman procps \
	python3-venv runc
# clients of the API that are no packages
CLIENTS := $(or $(CARGO_TARGET_DIR),target)/clients
# other runtimes, each by a program of it, for a machine may have them from elsewhere; their daemons are not started
RUNTIMES := containerd:containerd dockerd:docker.io docker:docker.io docker:docker-cli
# peers, to measure against; one that cannot be had is left out of the tables
BENCH_PACKAGES := netavark aardvark-dns dnsmasq-base dnsperf
PROGRAMS := netd rnet rnet-shim rnet-oci rnet-cni rnet-netavark
# the names that rnet-cni has in a directory of its own, for those who look for the reference plugins
CNI_NAMES := rnet bridge portmap firewall tuning bandwidth loopback host-local dnsname

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
	@echo 'make bench    what rnet costs, beside the bare kernel and its peers; some of it: make bench TABLE="attach dns"'
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
	$(CARGO) nextest run --workspace --no-fail-fast --status-level fail --final-status-level flaky; \
	else set -x; $(CARGO) test --workspace --lib --bins --tests --no-fail-fast --quiet; fi

SCALE ?= usual
.PHONY: bench
bench: setup bench-setup release
	$(ROOT) target/release/rnet-bench --scale $(SCALE) $(TABLE)

.PHONY: release
release:
	$(CARGO) build --workspace --release

# those of some packages that are not installed
missing = $(shell for package in $(1); do dpkg-query -W -f '$${Status}' $$package 2>/dev/null | \
	grep -q '^install ok' || echo $$package; done)
APT := $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get

# programs whose packages would start a service; they are kept with what is built
TOOLS := target/tools
$(TOOLS)/docker-registry:
	@set -e; mkdir -p $(TOOLS); echo 'fetching docker-registry'; cd $(TOOLS); \
	apt-get download -q docker-registry >/dev/null 2>&1 || { $(APT) update -qq; apt-get download -q docker-registry >/dev/null; }; \
	dpkg-deb --fsys-tarfile docker-registry_*.deb | tar -x --strip-components 3 ./usr/bin/docker-registry; rm docker-registry_*.deb

.PHONY: setup
setup: $(TOOLS)/docker-registry
	@set -e; missing="$(call missing,$(PACKAGES))"; [ -z "$$missing" ] || { echo "installing $$missing"; \
	$(APT) update -qq; $(APT) install -y -qq --no-install-recommends $$missing >/dev/null; }
	@for it in $(RUNTIMES); do command -v $${it%%:*} >/dev/null || $(MAKE) -s quietly-$${it#*:}; done
	@$(ROOT) tests/clients.sh $(CLIENTS)

# what apt starts after an installation it asks this program for (invoke-rc.d(8)); one of the machine's own stays
POLICY := /usr/sbin/policy-rc.d
quietly-%:
	@apt-cache show $* >/dev/null 2>&1 || { $(APT) update -qq; apt-cache show $* >/dev/null 2>&1; } || exit 0; \
	echo "installing $*"; own=; [ -e $(POLICY) ] || { own=1; \
	printf '#!/bin/sh\nexit 101\n' | $(ROOT) install -m 755 /dev/stdin $(POLICY); }; \
	$(APT) install -y -qq --no-install-recommends $* >/dev/null; ended=$$?; \
	[ -z "$$own" ] || $(ROOT) rm $(POLICY); exit $$ended

# none of these packages starts a daemon
.PHONY: bench-setup
bench-setup: setup
	@missing="$(call missing,$(BENCH_PACKAGES))"; [ -z "$$missing" ] || $(APT) update -qq; \
	for package in $$missing; do echo "installing $$package"; \
	$(APT) install -y -qq --no-install-recommends $$package >/dev/null || echo "left out: $$package"; done

.PHONY: install
install: release
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/rnet $(DESTDIR)/etc/systemd/system
	install $(PROGRAMS:%=target/release/%) $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/libexec/rnet/cni
	for it in $(CNI_NAMES); do ln -sf $(PREFIX)/bin/rnet-cni $(DESTDIR)$(PREFIX)/libexec/rnet/cni/$$it; done
	[ -e $(DESTDIR)/etc/rnet/netd.toml ] || install -m 644 dist/netd.toml $(DESTDIR)/etc/rnet
	sed 's|/usr/local|$(PREFIX)|' dist/netd.service >$(DESTDIR)/etc/systemd/system/netd.service
