#!/bin/bash
# policy-map signs with a key that lives in a PKCS#11 token (SoftHSM).
set -eu
pm=$PWD/${BUILD:-build}/bin/policy-map
example=$PWD/tests/vectors/maps/example-0.1.map
for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$module" ] && break; done
if [ ! -e "$module" ] || ! command -v softhsm2-util >/dev/null || ! openssl engine pkcs11 >/dev/null 2>&1; then
	echo "no SoftHSM or no PKCS#11 engine of OpenSSL (softhsm2, libengine-pkcs11-openssl)"
	exit 77
fi
. tests/lib/scratch.sh

mkdir tokens
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir" >softhsm2.conf
export SOFTHSM2_CONF=$dir/softhsm2.conf PKCS11_MODULE_PATH=$module
softhsm2-util --init-token --free --label release --so-pin 12345678 --pin 87654321 >/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem 2>/dev/null
openssl pkey -in key.pem -pubout -out token.pub
softhsm2-util --import key.pem --token release --label map --id 01 --pin 87654321 >/dev/null
rm key.pem

for name in root image beat; do "$pm" keygen --no-passphrase "$name" >/dev/null; done
"$pm" trust init --root root.pub --map token.pub --image image.pub --heartbeat beat.pub --key root.key roots.dsse 2>/dev/null
uri='pkcs11:token=release;object=map;type=private'
sign() {
	"$pm" sign --role map --key "$uri" --trust roots.dsse "$@" 3<<<"$pin"
}
pin=87654321
sign --passphrase-fd 3 "$example" map.dsse || fail "sign with a token"
"$pm" verify --trust roots.dsse map.dsse >/dev/null || fail "the token's signature"
pin=00000000
sign --passphrase-fd 3 "$example" wrong.dsse 2>/dev/null && fail "signed with a wrong PIN"
pin=87654321
uri='pkcs11:token=release;object=nothing;type=private'
sign --passphrase-fd 3 "$example" wrong.dsse 2>/dev/null && fail "signed with no key"
[ ! -e wrong.dsse ] || fail "a file was left behind"
echo "policy-map with a token: all good"
