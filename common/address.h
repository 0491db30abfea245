/* address.h - IPv4 and IPv6 addresses with ports as text: "232.1.1.95:4001", "[ff3e::95]:4001". Pure. */
#ifndef COMMON_ADDRESS_H
#define COMMON_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct udp_address {
	uint8_t family; /* 4 or 6; 0: no address */
	uint8_t ip[16]; /* network order; the first 4 bytes when family is 4, the rest zero */
	uint16_t port;  /* host order; 0 where only the host matters */
};

/* Room for the text of any address, with its NUL. */
#define UDP_ADDRESS_TEXT 56

/* "a.b.c.d:port" or "[v6]:port", port 1 to 65535, nothing before or after. Errors: ADDRESS. */
int udp_address_parse(const char *text, struct udp_address *);
/* An address without a port, brackets allowed round an IPv6 one; port becomes 0. Errors: ADDRESS. */
int udp_address_parse_host(const char *text, struct udp_address *);
/* Writes the text (without ":port" when the port is 0) and returns out; "-" when family is 0. */
const char *udp_address_format(const struct udp_address *, char out[UDP_ADDRESS_TEXT]);
/* 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 section 2.7). */
bool udp_address_is_multicast(const struct udp_address *);
/* Same family and host; ports are not looked at. */
bool udp_address_is_same_host(const struct udp_address *, const struct udp_address *);

#endif
