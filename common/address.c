#include "common/address.h"

#include "common/carousel_error.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static int address_parse_ip(const char *text, size_t len, uint8_t family, struct udp_address *out)
{
	char host[INET6_ADDRSTRLEN];
	if (len == 0 || len >= sizeof host)
		return CAROUSEL_E_ADDRESS;
	memcpy(host, text, len);
	host[len] = '\0';
	memset(out, 0, sizeof *out);
	if (inet_pton(family == 4 ? AF_INET : AF_INET6, host, out->ip) != 1)
		return CAROUSEL_E_ADDRESS;
	out->family = family;
	return 0;
}

static int address_parse_port(const char *text, uint16_t *port)
{
	unsigned value = 0;
	size_t digits = 0;
	for (; text[digits] >= '0' && text[digits] <= '9' && digits < 6; digits++)
		value = value * 10 + (unsigned)(text[digits] - '0');
	if (digits == 0 || text[digits] != '\0' || value == 0 || value > UINT16_MAX)
		return CAROUSEL_E_ADDRESS;
	*port = (uint16_t)value;
	return 0;
}

int udp_address_parse(const char *text, struct udp_address *out)
{
	struct udp_address address;
	const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
	int result;
	if (end == NULL)
		return CAROUSEL_E_ADDRESS;
	if (text[0] == '[')
		result = address_parse_ip(text + 1, (size_t)(end - text) - 1, 6, &address);
	else
		result = address_parse_ip(text, (size_t)(end - text), 4, &address);
	if (result == 0 && *end == ']' && *++end != ':')
		result = CAROUSEL_E_ADDRESS;
	if (result == 0)
		result = address_parse_port(end + 1, &address.port);
	if (result == 0)
		*out = address;
	return result;
}

int udp_address_parse_host(const char *text, struct udp_address *out)
{
	size_t len = strlen(text);
	if (text[0] == '[') {
		if (len < 2 || text[len - 1] != ']')
			return CAROUSEL_E_ADDRESS;
		return address_parse_ip(text + 1, len - 2, 6, out);
	}
	return address_parse_ip(text, len, strchr(text, ':') ? 6 : 4, out);
}

const char *udp_address_format(const struct udp_address *a, char out[UDP_ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "-";
	if (a->family == 4 || a->family == 6)
		inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->ip, host, sizeof host);
	if (a->family == 0 || a->port == 0)
		snprintf(out, UDP_ADDRESS_TEXT, "%s", host);
	else
		snprintf(out, UDP_ADDRESS_TEXT, a->family == 6 ? "[%s]:%u" : "%s:%u", host, (unsigned)a->port);
	return out;
}

bool udp_address_is_multicast(const struct udp_address *a)
{
	return (a->family == 4 && (a->ip[0] & 0xf0) == 0xe0) || (a->family == 6 && a->ip[0] == 0xff);
}

bool udp_address_is_same_host(const struct udp_address *a, const struct udp_address *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == 6 ? 16 : 4) == 0;
}
