#include "policy-map/cli/ready.h"

#include "common/carousel_error.h"
#include "policy-map/files/audit_file.h"

#include <string.h>

/* Keys that can sign: a role may name some of a kind that is not known. */
static unsigned num_usable(const struct trust_root *root, const struct trust_role *role)
{
	unsigned usable = 0;
	for (unsigned i = 0; i < role->num_keys; i++)
		usable += trust_root_key(root, role->key_ids[i]) != NULL;
	return usable;
}

static void check_root_keys(struct ready *r)
{
	const struct trust_role *root = trust_root_role(&r->trust.root, TRUST_ROLE_ROOT);
	unsigned usable = num_usable(&r->trust.root, root);
	ready_item(r, "root-threshold", root->threshold >= 2 ? READY_PASSED : READY_FAILED,
		"%u of %u root keys must sign: one stolen key is %s", root->threshold, usable,
		root->threshold >= 2 ? "not enough" : "enough to take over");
	ready_item(r, "root-spare-key", usable > root->threshold ? READY_PASSED : READY_FAILED,
		"%u root keys, %u needed: %s may be lost", usable, root->threshold,
		usable > root->threshold ? "one" : "none");
}

/* Another role that names a key of the heartbeat's; NULL: none. */
static const char *shared_with(const struct trust_root *root, const struct trust_role *beat)
{
	for (unsigned i = 0; i < root->num_roles; i++) {
		for (unsigned k = 0; &root->roles[i] != beat && k < root->roles[i].num_keys; k++) {
			if (trust_role_has(beat, root->roles[i].key_ids[k]))
				return root->roles[i].name;
		}
	}
	return NULL;
}

static void check_heartbeat(struct ready *r)
{
	const struct trust_root *root = &r->trust.root;
	const struct trust_role *beat = trust_root_role(root, TRUST_ROLE_HEARTBEAT);
	const char *other = beat ? shared_with(root, beat) : NULL;
	if (beat == NULL || num_usable(root, beat) < beat->threshold)
		ready_item(r, "heartbeat-key", READY_FAILED, "the root names no key that could sign heartbeats");
	else if (other)
		ready_item(r, "heartbeat-key", READY_FAILED, "an online key is also one of role %s", other);
	else
		ready_item(r, "heartbeat-key", READY_PASSED, "no online key has a part in another role");
}

static void check_signature(struct ready *r)
{
	const struct trust_role *role = trust_root_role(&r->trust.root, TRUST_ROLE_MAP);
	int error = r->document.is_envelope ? trust_root_verify(&r->trust.root, TRUST_ROLE_MAP, &r->document.envelope)
					    : CAROUSEL_E_SIGNATURE;
	if (!r->document.is_envelope)
		ready_item(r, "map-signed", READY_FAILED, "nobody signed it: this is the bare text");
	else if (role == NULL)
		ready_item(r, "map-signed", READY_FAILED, "root version %u has no role map", r->trust.root.version);
	else
		ready_item(r, "map-signed", error ? READY_FAILED : READY_PASSED,
			"signed by %s of role map: root version %u asks for %u", error ? "too few" : "enough",
			r->trust.root.version, role->threshold);
	ready_item(r, "map-epoch", r->map->epoch == r->trust.root.epoch ? READY_PASSED : READY_FAILED,
		"map %u, root %u: boxes take a map of the root's epoch only", r->map->epoch, r->trust.root.epoch);
}

/* ---- the record ---- */

struct record {
	const struct envelope *envelope;
	uint8_t sha256[HASH_SHA256_BYTES];
	bool is_noted[ENVELOPE_MAX_SIGNATURES];
};

static void look_at_entry(void *user, const struct audit_entry *e)
{
	struct record *record = user;
	char id[2 * KEY_ID_BYTES + 1];
	if (strcmp(e->action, AUDIT_SIGN) != 0 || memcmp(e->sha256, record->sha256, sizeof record->sha256) != 0)
		return;
	for (unsigned i = 0; i < record->envelope->num_signatures; i++)
		record->is_noted[i] |=
			strcmp(e->who, hash_hex(id, record->envelope->signatures[i].key_id, KEY_ID_BYTES)) == 0;
}

static void check_audit(struct ready *r)
{
	struct record record = {.envelope = &r->document.envelope};
	struct audit_chain chain = {0};
	uint64_t bad_line = 0;
	unsigned noted = 0, wanted = r->document.envelope.num_signatures;
	int error = hash_sha256(r->document.payload, r->document.payload_len, record.sha256);
	if (r->audit_path == NULL) {
		ready_item(r, "audit", READY_SKIPPED, "give --audit: the signings of this map must be on record");
		return;
	}
	if (error == 0)
		error = audit_file_verify(r->audit_path, &chain, &bad_line, look_at_entry, &record);
	for (unsigned i = 0; i < wanted; i++)
		noted += record.is_noted[i];
	if (error)
		ready_item(r, "audit", READY_FAILED, "%llu good entries, and then the chain is broken: %s",
			(unsigned long long)chain.number, carousel_strerror(error));
	else
		ready_item(r, "audit", wanted && noted == wanted ? READY_PASSED : READY_FAILED,
			"%llu entries; %u of %u signatures under this map are among them",
			(unsigned long long)chain.number, noted, wanted);
}

void ready_trust(struct ready *r)
{
	check_root_keys(r);
	check_heartbeat(r);
	check_signature(r);
	check_audit(r);
}
