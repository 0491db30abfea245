# Carousel: software updates for devices that can only listen.
#
#   make demo    a fleet updates over a lossy multicast link     make check   all tests
#   make help    every target

PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
CC       ?= cc
CXX      ?= c++
WITH_RS  ?= 1
SANITIZE ?=
# V=1 shows whole commands.
Q        := $(if $(V),,@)
say       = $(if $(V),,@echo "  $(1) $@")
WERROR   ?= $(if $(CI),1,)
VERSION  := $(shell sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

bindir     := $(PREFIX)/bin
libdir     := $(PREFIX)/lib
includedir := $(PREFIX)/include
mandir     := $(PREFIX)/share/man

# ---- flags -----------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wcast-align -Wwrite-strings $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong -fPIC $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
OPTIMISE ?= -O2 -g
CFLAGS   ?=
CPPFLAGS ?=
LDFLAGS  ?=
PKGS_RX  := libsodium libcrypto zlib libdeflate expat jansson
PKGS     := $(PKGS_RX) libuv inih libmicrohttpd sqlite3
RS_LIBS  := $(if $(filter 1,$(WITH_RS)),-lerasurecode)
ALL_CPPFLAGS := -I. -Icommon -Icarousel-rx/include -D_GNU_SOURCE -DWITH_RS=$(WITH_RS) \
	-DCAROUSEL_VERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(OPTIMISE) $(WARNINGS) $(HARDENING) -fvisibility=hidden -ffunction-sections \
	-fdata-sections -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
ALL_LDFLAGS = -pthread -Wl,-z,relro,-z,now -Wl,--gc-sections $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
RX_LIBS    := $(shell pkg-config --libs $(PKGS_RX) 2>/dev/null) $(RS_LIBS) -lm

# ---- rooms -----------------------------------------------------------------------------------
# A room's own .c files are its library; <room>/cli and <room>/daemon are its program.
comma   := ,
sources = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c)))
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

SRC_COMMON := $(call sources,common)
SRC_IO     := $(call sources,common/io)
SRC_FEC    := $(filter-out $(if $(filter 1,$(WITH_RS)),,fec/small_block/%),$(call sources,fec fec/*))
SRC_POLICY := $(call sources,policy-map)
SRC_FLEET  := $(call sources,policy-map/fleet)
SRC_FILES  := $(call sources,policy-map/files)
SRC_TX     := $(call sources,carousel-tx)
SRC_RX     := $(call sources,carousel-rx carousel-rx/store carousel-rx/boot)
SRC_SIM    := $(call sources,sim)
SRC_TESTLIB := $(call sources,tests/lib)

LIB_COMMON := $(BUILD)/lib/common.a
LIB_IO     := $(BUILD)/lib/io.a
LIB_FEC    := $(BUILD)/lib/fec.a
LIB_POLICY := $(BUILD)/lib/policy.a
LIB_FLEET  := $(BUILD)/lib/fleet.a
LIB_FILES  := $(BUILD)/lib/files.a
LIB_TX     := $(BUILD)/lib/tx.a
LIB_RX     := $(BUILD)/lib/rx.a
LIB_SIM    := $(BUILD)/lib/sim.a
LIB_TEST   := $(BUILD)/lib/test.a
LIBS       := $(LIB_SIM) $(LIB_TX) $(LIB_RX) $(LIB_FLEET) $(LIB_FILES) $(LIB_POLICY) $(LIB_FEC) $(LIB_IO) $(LIB_COMMON)

$(LIB_COMMON): $(call objects,$(SRC_COMMON))
$(LIB_IO):     $(call objects,$(SRC_IO))
$(LIB_FEC):    $(call objects,$(SRC_FEC))
$(LIB_POLICY): $(call objects,$(SRC_POLICY))
$(LIB_FLEET):  $(call objects,$(SRC_FLEET))
$(LIB_FILES):  $(call objects,$(SRC_FILES))
$(LIB_TX):     $(call objects,$(SRC_TX))
$(LIB_RX):     $(call objects,$(SRC_RX))
$(LIB_SIM):    $(call objects,$(SRC_SIM))
$(LIB_TEST):   $(call objects,$(SRC_TESTLIB))

PROGRAMS := policy-map carousel-tx carousel-rx carousel-sim
SRC_policy-map   := $(call sources,policy-map/cli)
SRC_carousel-tx  := $(call sources,carousel-tx/daemon)
SRC_carousel-rx  := $(call sources,carousel-rx/daemon)
SRC_carousel-sim := $(call sources,sim/cli)
# What a program is made of but its main.c, so that the unit tests can link it.
LIB_PROGRAMS := $(foreach p,$(PROGRAMS),$(BUILD)/lib/$(p)-program.a)
$(foreach p,$(PROGRAMS),$(eval $(BUILD)/lib/$(p)-program.a: $(call objects,$(filter-out %/main.c,$(SRC_$(p))))))

# Programs of the tests: tests/{vectors,interop,e2e,faults}/NAME.c becomes $(BUILD)/bin/NAME.
SRC_TOOLS := $(call sources,tests/vectors tests/interop tests/e2e tests/faults)
BENCHES := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))
UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

SRC_ALL := $(SRC_COMMON) $(SRC_IO) $(SRC_FEC) $(SRC_POLICY) $(SRC_FLEET) $(SRC_FILES) $(SRC_TX) $(SRC_RX) $(SRC_SIM) $(SRC_TESTLIB) \
	$(foreach p,$(PROGRAMS),$(SRC_$(p))) $(SRC_TOOLS) $(call sources,tests/bench tests/unit tests/fuzz)

.PHONY: all
all: $(addprefix $(BUILD)/bin/,$(PROGRAMS)) librx man

# ---- rules -----------------------------------------------------------------------------------
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(PKG_CFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

define program_rule
$(BUILD)/bin/$(1): $$(call objects,$$(SRC_$(1))) $$(LIBS)
	@mkdir -p $$(@D)
	$$(call say,LD)
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$(call objects,$$(SRC_$(1))) $$(LIBS) $$(PKG_LIBS) $$(RS_LIBS) -lm
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

define tool_rule
$(BUILD)/bin/$(basename $(notdir $(1))): $(BUILD)/$(1:.c=.o) $$(LIB_TEST) $$(LIB_PROGRAMS) $$(LIBS)
	@mkdir -p $$(@D)
	$$(call say,LD)
	$(Q)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$< $$(LIB_TEST) $$(LIB_PROGRAMS) $$(LIBS) $$(PKG_LIBS) $$(RS_LIBS) -lcmocka -lm
TOOLS += $(BUILD)/bin/$(basename $(notdir $(1)))
endef
$(foreach t,$(SRC_TOOLS),$(eval $(call tool_rule,$(t))))

UNIT_BIN := $(addprefix $(BUILD)/tests/unit/,$(UNIT_TESTS))
$(UNIT_BIN): %: %.o $(LIB_TEST) $(LIB_PROGRAMS) $(LIBS)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIB_TEST) $(LIB_PROGRAMS) $(LIBS) $(PKG_LIBS) $(RS_LIBS) -lcmocka -lm

BENCH_BIN := $(addprefix $(BUILD)/tests/bench/,$(BENCHES))
$(BENCH_BIN): %: %.o $(LIB_TEST) $(LIB_PROGRAMS) $(LIBS)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIB_TEST) $(LIB_PROGRAMS) $(LIBS) $(PKG_LIBS) $(RS_LIBS) -lisal -lcmocka -lm

# These programs put a file system of their own under the real code (tests/lib/flash_fs.h).
FLASH_WRAPS := open close pread pwrite write fsync fdatasync ftruncate fstat stat mkdir rename unlink flock ioctl posix_fadvise realpath
$(BUILD)/bin/life_cut $(BUILD)/tests/unit/test_life_cut: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(FLASH_WRAPS) child_run)

-include $(patsubst %.c,$(BUILD)/%.d,$(SRC_ALL))

# ---- the receiver library: public symbols only -------------------------------------------------
RX_OBJECTS := $(call objects,$(filter-out common/config.c,$(SRC_COMMON)) $(SRC_FEC) $(SRC_POLICY) $(SRC_RX))
RX_STATIC  := $(BUILD)/lib/libcarousel-rx.a
RX_SONAME  := libcarousel-rx.so.0
RX_SHARED  := $(BUILD)/lib/libcarousel-rx.so.$(VERSION)

.PHONY: librx
librx: $(RX_STATIC) $(RX_SHARED) $(BUILD)/lib/carousel-rx.pc

$(BUILD)/lib/carousel-rx-all.o: $(RX_OBJECTS)
	@mkdir -p $(@D)
	$(Q)$(LD) -r -o $@ $^
	$(Q)objcopy --wildcard --keep-global-symbol='carousel_*' $@

$(RX_STATIC): $(BUILD)/lib/carousel-rx-all.o
$(RX_SHARED): $(RX_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -shared -Wl,-soname,$(RX_SONAME) -o $@ $^ $(RX_LIBS)
	@ln -sf $(notdir $@) $(BUILD)/lib/$(RX_SONAME)
	@ln -sf $(RX_SONAME) $(BUILD)/lib/libcarousel-rx.so

$(BUILD)/lib/carousel-rx.pc: carousel-rx/carousel-rx.pc.in CHANGELOG.md Makefile
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@REQUIRES@|$(PKGS_RX)|' -e 's|@RS_LIBS@|$(RS_LIBS)|' $< > $@

# ---- manual pages ----------------------------------------------------------------------------
MAN_SRC := $(wildcard */*.[158].scd)
MAN := $(patsubst %.scd,$(BUILD)/man/%,$(notdir $(MAN_SRC)))

.PHONY: man
man: $(MAN)
define man_rule
$(BUILD)/man/$(basename $(notdir $(1))): $(1)
	@mkdir -p $$(@D)
	$(Q)scdoc < $$< > $$@
endef
$(foreach m,$(MAN_SRC),$(eval $(call man_rule,$(m))))

.PHONY: install uninstall
install: all
	install -d $(addprefix $(DESTDIR),$(bindir) $(libdir)/pkgconfig $(includedir) $(mandir)/man1 $(mandir)/man5)
	install -m 755 $(addprefix $(BUILD)/bin/,$(PROGRAMS)) $(DESTDIR)$(bindir)
	install -m 644 $(RX_STATIC) $(DESTDIR)$(libdir)
	install -m 755 $(RX_SHARED) $(DESTDIR)$(libdir)
	ln -sf $(notdir $(RX_SHARED)) $(DESTDIR)$(libdir)/$(RX_SONAME)
	ln -sf $(RX_SONAME) $(DESTDIR)$(libdir)/libcarousel-rx.so
	install -m 644 $(BUILD)/lib/carousel-rx.pc $(DESTDIR)$(libdir)/pkgconfig
	install -m 644 carousel-rx/include/carousel_rx.h common/carousel_error.h $(DESTDIR)$(includedir)
	$(foreach m,$(MAN),install -m 644 $(m) $(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(m)));)

uninstall:
	rm -f $(addprefix $(DESTDIR)$(bindir)/,$(PROGRAMS))
	rm -f $(addprefix $(DESTDIR)$(libdir)/,$(notdir $(RX_STATIC) $(RX_SHARED)) $(RX_SONAME) libcarousel-rx.so pkgconfig/carousel-rx.pc)
	rm -f $(addprefix $(DESTDIR)$(includedir)/,carousel_rx.h carousel_error.h)
	rm -f $(foreach m,$(MAN),$(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(m)))/$(notdir $(m)))

.PHONY: dist clean
dist:
	git archive --prefix=carousel-$(VERSION)/ -o $(BUILD)/carousel-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(BUILD)

# ---- dependencies ----------------------------------------------------------------------------
.PHONY: deps have-deps
deps:
	@tests/lib/deps.sh install
have-deps:
	@tests/lib/deps.sh check

# The targets that a newcomer types install what is missing and then start over, so that
# pkg-config is asked again.
.PHONY: demo check
demo check:
	@tests/lib/deps.sh ensure
	@$(MAKE) --no-print-directory $@-now

.PHONY: demo-now
demo-now: all $(TOOLS)
	tests/e2e/demo.sh $(if $(KEEP),--keep)

# ---- tests -----------------------------------------------------------------------------------
.PHONY: check-now check-unit check-e2e check-faults check-simd check-interop check-arm check-mutants
check-now: check-unit check-e2e
	@tests/mutants/run.sh --check

check-unit: $(UNIT_BIN) $(TOOLS) $(addprefix $(BUILD)/bin/,$(PROGRAMS))
	@BUILD=$(BUILD) tests/lib/run-unit.sh $(UNIT_BIN)

check-e2e: all $(TOOLS)
	@BUILD=$(BUILD) tests/lib/run-e2e.sh

# In two parts, on two cores.
check-faults: $(addprefix $(BUILD)/bin/,power_cut life_cut kill_store)
	@for cut in power_cut life_cut; do \
		$(BUILD)/bin/$$cut 1 0 2 >$(BUILD)/$$cut.log 2>&1 & part=$$!; status=0; $(BUILD)/bin/$$cut 1 1 2 || status=1; \
		wait $$part || status=1; cat $(BUILD)/$$cut.log; [ $$status -eq 0 ] || exit 1; done
	$(BUILD)/bin/kill_store

check-mutants:
	@tests/mutants/run.sh

check-interop: $(TOOLS)
	@failed=0; for t in $(sort $(wildcard tests/interop/*.sh)); do \
		log=$(BUILD)/$$(basename $$t .sh).log; status=0; BUILD=$(BUILD) timeout 240 $$t >$$log 2>&1 || status=$$?; \
		case $$status in 0) echo "ok   $$t: $$(tail -n 1 $$log)" ;; 77) echo "skip $$t: $$(tail -n 1 $$log)" ;; \
		*) echo "FAIL $$t (exit $$status)"; tail -n 40 $$log; failed=1 ;; esac; done; exit $$failed

check-simd: $(BUILD)/bin/raptorq-vectors $(BUILD)/tests/unit/test_gf256 $(BUILD)/tests/unit/test_raptorq
	@$(BUILD)/tests/unit/test_gf256 && $(BUILD)/tests/unit/test_raptorq
	@for mask in 0 1 3 7 0xffffffff; do CAROUSEL_CPU_MASK=$$mask $(BUILD)/bin/raptorq-vectors tests/vectors/raptorq-vectors.csv || exit 1; done

check-arm:
	@BUILD=$(BUILD) tests/lib/check-arm.sh

# ---- fuzzing ---------------------------------------------------------------------------------
# `fuzz` searches for FUZZ_SECONDS a fuzzer with libFuzzer (clang); `fuzz-regress` replays tests/fuzz/corpus with a plain main.
FUZZ_SECONDS ?= 30
FUZZ_BIN := $(addprefix $(BUILD)/tests/fuzz/,$(FUZZERS))
FUZZ_MAIN = $(if $(FUZZ_ENGINE),,$(BUILD)/tests/fuzz/replay.o)
.SECONDARY: $(FUZZ_BIN:=.o) $(BUILD)/tests/fuzz/replay.o
$(FUZZ_BIN): %: %.o $(FUZZ_MAIN) $(LIB_TEST) $(LIBS)
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(FUZZ_ENGINE) -o $@ $< $(FUZZ_MAIN) $(LIB_TEST) $(LIBS) $(PKG_LIBS) $(RS_LIBS) -lcmocka -lm

.PHONY: fuzz fuzz-now fuzz-regress
fuzz:
	$(MAKE) BUILD=build/fuzz CC=clang OPTIMISE='-O1 -g' SANITIZE=address,undefined CFLAGS=-fsanitize=fuzzer-no-link \
		FUZZ_ENGINE=-fsanitize=fuzzer fuzz-now
fuzz-now: $(FUZZ_BIN)
	tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_BIN)
fuzz-regress: $(FUZZ_BIN)
	@for f in $(FUZZERS); do printf '%s: ' $$f; $(BUILD)/tests/fuzz/$$f tests/fuzz/corpus/$$f/* || exit 1; done

.PHONY: asan ubsan tsan valgrind coverage
asan:
	TEST_TIMEOUT=900 $(MAKE) BUILD=build/asan SANITIZE=address,undefined OPTIMISE='-O1 -g' check-unit
ubsan:
	TEST_TIMEOUT=900 $(MAKE) BUILD=build/ubsan SANITIZE=undefined OPTIMISE='-O1 -g' check-unit
tsan:
	TEST_TIMEOUT=900 $(MAKE) BUILD=build/tsan SANITIZE=thread OPTIMISE='-O1 -g' check-unit
valgrind: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do CAROUSEL_TEST_SHORT=1 valgrind -q --error-exitcode=1 --leak-check=full $$t || exit 1; done
coverage:
	$(MAKE) BUILD=build/coverage OPTIMISE='-O0 -g' CFLAGS=--coverage check-unit
	gcov -n $$(find build/coverage -name '*.gcda') 2>/dev/null | grep -A1 "^File '[a-z]" | grep -v "^--"

# ---- benchmarks ------------------------------------------------------------------------------
.PHONY: bench bench-fec
bench: $(BENCH_BIN) all $(TOOLS)
	@BUILD=$(BUILD) tests/bench/run.sh

bench-fec: $(BENCH_BIN)
	@mkdir -p $(BUILD)/bench
	@BENCH_MACHINE="$$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" BENCH_COMMIT=$$(git rev-parse --short HEAD) \
		$(BUILD)/tests/bench/bench_fec $(BUILD)/bench/fec.json
	@$(BUILD)/tests/bench/bench_raptorq_failure $(or $(FAILURE_SECONDS),20) $(BUILD)/bench/fec-failure.json

.PHONY: bench-overhead bench-e2e bench-box
bench-overhead: $(BUILD)/tests/bench/bench_overhead
	@BUILD=$(BUILD) $<
bench-e2e: all $(TOOLS)
	@BUILD=$(BUILD) tests/bench/e2e.sh
bench-box: all $(TOOLS)
	@BUILD=$(BUILD) tests/bench/box.sh

# ---- care of the source ----------------------------------------------------------------------
.PHONY: lint format help
lint:
	@tests/lib/lint.sh
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
help:
	@echo "all deps demo check check-unit check-e2e check-faults check-simd check-interop check-arm check-mutants"
	@echo "fuzz fuzz-regress asan ubsan tsan valgrind coverage bench bench-fec bench-overhead bench-e2e bench-box lint format install uninstall dist clean"
