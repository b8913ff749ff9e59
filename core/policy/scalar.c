/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/scalar.c - one value that is not a list: from text, to text.
 *
 * Bytes of a structure are moved with memcpy: a bool or an enum that an extension filled in a
 * status need not be one of C's, and is never read as one.
 */
#include "policy/scalar.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "policy/field.h"

bool number_parse(const char *text, uint64_t *number)
{
	int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	uint64_t sum = 0;

	if (base == 16)
		text += 2;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		int digit = hex_digit(*text);

		if (digit < 0 || digit >= base ||
		    __builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)digit, &sum))
			return false;
	}
	*number = sum;
	return true;
}

bool bool_parse(const char *text, bool *value)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*value = i % 2 == 1;
			return true;
		}
	}
	return false;
}

static bool read_bool(const char *text, void *to)
{
	bool value;

	if (!bool_parse(text, &value))
		return false;
	memcpy(to, &value, sizeof(value));
	return true;
}

static void put_number(const struct xvs_field *f, uint64_t number, void *to)
{
	uint32_t narrow = (uint32_t)number;

	if (f->type == XVS_U64)
		memcpy(to, &number, sizeof(number));
	else
		memcpy(to, &narrow, sizeof(narrow));
}

uint64_t scalar_number(const struct xvs_field *f, const void *from)
{
	uint64_t number;
	uint32_t narrow;

	if (f->type == XVS_U64) {
		memcpy(&number, from, sizeof(number));
		return number;
	}
	memcpy(&narrow, from, sizeof(narrow));
	return narrow;
}

static bool read_number(const struct xvs_field *f, const char *text, void *to)
{
	uint64_t number;

	if (!number_parse(text, &number) || number < f->min || number > field_max(f))
		return false;
	put_number(f, number, to);
	return true;
}

static bool read_enum(const struct xvs_field *f, const char *text, void *to)
{
	for (uint32_t i = 0; i < f->names.count; i++) {
		if (strcmp(name_at(&f->names, i), text) == 0) {
			memcpy(to, &i, sizeof(i));
			return true;
		}
	}
	return false;
}

static bool read_text(const struct xvs_field *f, const char *text, void *to)
{
	size_t len = strlen(text);

	if (len < f->min || len >= f->max)
		return false;
	memset(to, 0, f->max);
	memcpy(to, text, len);
	return true;
}

bool scalar_read(const struct xvs_field *f, const char *text, void *to)
{
	switch (f->type) {
	case XVS_BOOL:
		return read_bool(text, to);
	case XVS_U32:
	case XVS_U64:
		return read_number(f, text, to);
	case XVS_ENUM:
		return read_enum(f, text, to);
	case XVS_TEXT:
		return read_text(f, text, to);
	case XVS_MAC:
		return mac_parse(text, to);
	case XVS_IP:
		return ip_parse(text, to);
	default:
		return false;
	}
}

void scalar_default(const struct xvs_field *f, void *to)
{
	bool is_set = f->dflt != 0;

	switch (f->type) {
	case XVS_BOOL:
		memcpy(to, &is_set, sizeof(is_set));
		break;
	case XVS_U32:
	case XVS_U64:
	case XVS_ENUM:
		put_number(f, f->dflt, to);
		break;
	default:
		memset(to, 0, field_size(f));
	}
}

static void expects_text(const struct xvs_field *f, struct strbuf *out)
{
	if (f->min > 0)
		strbuf_add(out, "%" PRIu64 " to %" PRIu64 " bytes long", f->min, f->max - 1);
	else
		strbuf_add(out, "at most %" PRIu64 " bytes long", f->max - 1);
}

static void expects_name(const struct xvs_field *f, struct strbuf *out)
{
	strbuf_add(out, f->names.count > 1 ? "one of " : "");
	for (uint32_t i = 0; i < f->names.count; i++)
		strbuf_add(out, "%s%s", i ? ", " : "", name_at(&f->names, i));
}

void scalar_expects(const struct xvs_field *f, struct strbuf *out)
{
	switch (f->type) {
	case XVS_BOOL:
		strbuf_add(out, "true or false");
		break;
	case XVS_U32:
	case XVS_U64:
		strbuf_add(out, "%" PRIu64 "..%" PRIu64, f->min, field_max(f));
		break;
	case XVS_ENUM:
		expects_name(f, out);
		break;
	case XVS_TEXT:
		expects_text(f, out);
		break;
	case XVS_MAC:
		strbuf_add(out, "a MAC address as 52:54:00:00:00:01");
		break;
	default:
		strbuf_add(out, "an address as 192.0.2.1 or a prefix as 2001:db8::/32");
	}
}

/* Text of an extension may lack its end, or be no UTF-8: then each odd byte becomes '?'. */
static json_t *text_json(const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	json_t *made = json_stringn(text, len);
	struct strbuf plain = { 0 };

	if (made)
		return made;
	for (size_t i = 0; i < len; i++) {
		bool is_plain = (unsigned char)text[i] < 0x80;

		strbuf_put(&plain, is_plain ? &text[i] : "?", 1);
	}
	made = plain.failed ? NULL : json_string(plain.text);
	strbuf_finish(&plain);
	return made;
}

/* JSON of jansson has 63 bits; what is larger is written as text, which is read back as well. */
static json_t *number_json(uint64_t number)
{
	if (number > INT64_MAX)
		return json_sprintf("%" PRIu64, number);
	return json_integer((json_int_t)number);
}

json_t *scalar_json(const struct xvs_field *f, const void *from)
{
	char text[IP_TEXT];
	uint8_t flag;

	switch (f->type) {
	case XVS_BOOL:
		memcpy(&flag, from, sizeof(flag));
		return json_boolean(flag != 0);
	case XVS_ENUM:
		if (scalar_number(f, from) < f->names.count)
			return json_string(name_at(&f->names, scalar_number(f, from)));
		return number_json(scalar_number(f, from));
	case XVS_TEXT:
		return text_json(from, f->max);
	case XVS_MAC:
		return json_string(mac_print(from, text));
	case XVS_IP:
		return json_string(ip_print(from, text));
	default:
		return number_json(scalar_number(f, from));
	}
}

void scalar_print(const struct xvs_field *f, const void *from, struct strbuf *out)
{
	char text[IP_TEXT];
	uint8_t flag;

	switch (f->type) {
	case XVS_BOOL:
		memcpy(&flag, from, sizeof(flag));
		strbuf_add(out, flag ? "true" : "false");
		break;
	case XVS_ENUM:
		if (scalar_number(f, from) < f->names.count)
			strbuf_add(out, "%s", name_at(&f->names, scalar_number(f, from)));
		else
			strbuf_add(out, "%" PRIu64, scalar_number(f, from));
		break;
	case XVS_TEXT:
		strbuf_put(out, from, strnlen(from, f->max));
		break;
	case XVS_MAC:
		strbuf_add(out, "%s", mac_print(from, text));
		break;
	case XVS_IP:
		strbuf_add(out, "%s", ip_print(from, text));
		break;
	default:
		strbuf_add(out, "%" PRIu64, scalar_number(f, from));
	}
}

bool scalar_equal(const struct xvs_field *f, const void *a, const void *b)
{
	const struct xvs_ip *left = a;
	const struct xvs_ip *right = b;

	switch (f->type) {
	case XVS_TEXT:
		return strncmp(a, b, f->max) == 0;
	case XVS_IP: /* its padding says nothing */
		return left->prefix_len == right->prefix_len &&
		       memcmp(left->addr, right->addr, sizeof(left->addr)) == 0;
	default:
		return memcmp(a, b, field_size(f)) == 0;
	}
}
