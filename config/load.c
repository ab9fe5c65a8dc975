/* SPDX-License-Identifier: BSD-3-Clause */
/* load.c: reads the configuration file by the table of keys. */
#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"

#define EXPECTED_BYTES 200

static void map_read(struct load *l, struct yaml_node *map, const char *path);

/* "a, b or c" of "a|b|c". */
static void
words_list(const char *words, char *out, size_t out_bytes)
{
	const char *last = strrchr(words, '|');
	size_t n = 0;

	for (const char *c = words; *c != '\0' && n + 5 < out_bytes; c++) {
		if (*c != '|')
			out[n++] = *c;
		else
			n += (size_t)snprintf(out + n, out_bytes - n, c == last ? " or " : ", ");
	}
	out[n] = '\0';
}

/* What a single value of the key looks like. */
static const char *
expected(const struct table_key *key, char text[EXPECTED_BYTES])
{
	char words[EXPECTED_BYTES / 2];

	switch (key->type) {
	case TABLE_MAP:
		return strcpy(text, "further keys below it");
	case TABLE_MAPS:
		return strcpy(text, "a list, one \"- key: value\" block for each,");
	case TABLE_NUMBER:
	case TABLE_NUMBERS:
		snprintf(text, EXPECTED_BYTES, "a whole number from %llu to %llu%s%s",
			 (unsigned long long)key->min, (unsigned long long)key->max,
			 key->words != NULL ? " or the word " : "",
			 key->words != NULL ? key->words : "");
		return text;
	case TABLE_FLAG:
		return strcpy(text, "true or false");
	case TABLE_CHOICE:
		words_list(key->words, words, sizeof(words));
		return strcpy(text, words);
	case TABLE_TEXT:
	case TABLE_TEXTS:
		snprintf(text, EXPECTED_BYTES, "%s", key->shape);
		return text;
	}
	return strcpy(text, "something else");
}

/* What was written instead, as the object of a sentence. */
static const char *
found(const struct yaml_node *node, char text[80])
{
	if (node->kind == YAML_LIST)
		return strcpy(text, node->children == 0 ? "an empty list" : "a list");
	if (node->kind == YAML_MAP)
		return strcpy(text, node->children == 0 ? "an empty map" : "a map");
	if (node->plain && node->text_bytes == 0)
		return strcpy(text, "empty");
	snprintf(text, 80, "\"%.48s%s\"", node->text, node->text_bytes > 48 ? "..." : "");
	return text;
}

static void
mistake_value(struct load *l, const struct table_key *key, const struct yaml_node *node)
{
	char is[80], right[EXPECTED_BYTES];

	mistake_at(l, node, "%s is %s; %s would be right", key->path, found(node, is),
		   expected(key, right));
}

/* Reads digits only: no sign, no unit, no leading zero that could mean octal. */
static bool
number_read(const struct table_key *key, const char *text, uint64_t *out)
{
	uint64_t value = 0;

	if (key->words != NULL && strcmp(text, key->words) == 0) {
		*out = 0;
		return true;
	}
	if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < '0' || *c > '9' || value > UINT64_MAX / 10 - 1)
			return false;
		value = value * 10 + (uint64_t)(*c - '0');
	}
	if (value < key->min || value > key->max)
		return false;
	*out = value;
	return true;
}

static bool
choice_read(const char *words, const char *text, uint64_t *out)
{
	const size_t n = strlen(text);

	for (uint64_t i = 0; words != NULL; i++) {
		const char *end = strchr(words, '|');

		if ((end == NULL ? strlen(words) : (size_t)(end - words)) == n &&
		    memcmp(words, text, n) == 0) {
			*out = i;
			return true;
		}
		words = end == NULL ? NULL : end + 1;
	}
	return false;
}

static bool
text_accepted(const struct table_key *key, const char *text, size_t bytes)
{
	regex_t regex;
	bool matches;

	if (bytes < key->min || bytes > key->max)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if ((unsigned char)text[i] < ' ')
			return false;
	if (key->pattern == NULL)
		return true;
	panic_unless(regcomp(&regex, key->pattern, REG_EXTENDED | REG_NOSUB) == 0);
	matches = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

/* Reads one scalar of the key. *number is set for all types but texts. */
static bool
scalar_read(const struct table_key *key, const char *text, size_t bytes, bool plain,
	    uint64_t *number)
{
	switch (key->type) {
	case TABLE_NUMBER:
	case TABLE_NUMBERS:
		return plain && number_read(key, text, number);
	case TABLE_FLAG:
		return plain && choice_read("false|true", text, number);
	case TABLE_CHOICE:
		return choice_read(key->words, text, number);
	case TABLE_TEXT:
	case TABLE_TEXTS:
		/* A key with nothing behind it is a slip even where "" is allowed. */
		return (bytes > 0 || !plain) && text_accepted(key, text, bytes);
	default:
		return false;
	}
}

bool
value_accepted(const struct table_key *key, const struct yaml_node *node)
{
	uint64_t number;

	return node->kind == YAML_SCALAR &&
	       scalar_read(key, node->text, node->text_bytes, node->plain, &number);
}

static void
value_store(struct load *l, const struct table_key *key, const char *text, uint64_t number)
{
	char *field;

	if (key->place == TABLE_NOWHERE)
		return;
	field = (char *)l->places[key->place] + key->offset;
	if (key->type == TABLE_TEXT) {
		panic_unless(strlen(text) < key->width);
		memset(field, 0, key->width);
		memcpy(field, text, strlen(text));
		return;
	}
	number <<= key->shift;
	switch (key->width) {
	case 1:
		*(uint8_t *)field = (uint8_t)number;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)number;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)number;
		break;
	default:
		panic_unless(key->width == 8);
		*(uint64_t *)field = number;
	}
}

/* Gives every key of the map at `path` its default, and those of the maps below. */
static void
defaults_apply(struct load *l, const char *path)
{
	const struct table_key *key = NULL;

	while ((key = table_next(path, key)) != NULL) {
		uint64_t number = 0;

		if (key->type == TABLE_MAP)
			defaults_apply(l, key->path);
		if (key->type == TABLE_MAP || key->standard == NULL)
			continue;
		panic_unless(scalar_read(key, key->standard, strlen(key->standard),
					 key->type != TABLE_TEXT, &number));
		value_store(l, key, key->standard, number);
	}
}

static void
list_read(struct load *l, const struct table_key *key, struct yaml_node *list)
{
	const bool word = list->kind == YAML_SCALAR && key->words != NULL &&
			  strcmp(list->text, key->words) == 0;
	char is[80], right[EXPECTED_BYTES];
	uint32_t n = 0;

	if (word)
		return;
	if (list->kind != YAML_LIST || list->children == 0) {
		mistake_at(l, list, "%s is %s; a list of one or more, each %s, would be right",
			   key->path, found(list, is), expected(key, right));
		return;
	}
	for (struct yaml_node *item = list->first; item != NULL; item = item->next) {
		if (++n > key->items_max) {
			mistake_at(l, item, "%s has %u items; at most %u would be right", key->path,
				   list->children, key->items_max);
			return;
		}
		if (!value_accepted(key, item))
			mistake_value(l, key, item);
	}
}

/* A list of maps: makes room for each item in the configuration and reads it there. */
static void
nic_read(struct load *l, struct yaml_node *map)
{
	struct config *c = &l->config;
	const uint16_t nic = c->nics_count, link = c->links_count;

	if (link == LINKS_MAX) {
		mistake_at(l, map, "more than %u networks, VLANs included; fewer would be right",
			   LINKS_MAX);
		return;
	}
	c->nics_count++;
	c->links_count++;
	l->nic_nodes[nic] = map;
	c->links[link].nic = nic;
	l->places[TABLE_NIC] = &c->nics[nic];
	l->places[TABLE_LINK] = &c->links[link];
	defaults_apply(l, "nics[]");
	map_read(l, map, "nics[]");
}

static void
vlan_read(struct load *l, struct yaml_node *map)
{
	struct config *c = &l->config;
	const uint16_t link = c->links_count;

	if (link == LINKS_MAX) {
		mistake_at(l, map, "more than %u networks, VLANs included; fewer would be right",
			   LINKS_MAX);
		return;
	}
	c->links_count++;
	c->links[link].nic = (uint16_t)(c->nics_count - 1);
	l->places[TABLE_LINK] = &c->links[link];
	map_read(l, map, "nics[].vlans[]");
}

static void
tunnel_read(struct load *l, struct yaml_node *map)
{
	struct config *c = &l->config;
	struct config_tunnel *t = &c->tunnels[c->tunnels_count];

	if (c->tunnels_count == TUNNELS_MAX) {
		mistake_at(l, map, "more than %u tunnels in all; fewer would be right",
			   TUNNELS_MAX);
		return;
	}
	c->tunnels_count++;
	t->nic = (uint16_t)(c->nics_count - 1);
	l->places[TABLE_TUNNEL] = t;
	map_read(l, map, "nics[].tunnels[]");
}

static void
end_read(struct load *l, struct yaml_node *map)
{
	struct config *c = &l->config;

	l->end_nodes[c->ends_count] = map;
	l->places[TABLE_END] = &c->ends[c->ends_count++];
	defaults_apply(l, "ports[]");
	map_read(l, map, "ports[]");
}

static void
maps_read(struct load *l, const struct table_key *key, struct yaml_node *list)
{
	uint32_t n = 0;

	if (list->kind != YAML_LIST || list->children == 0) {
		mistake_value(l, key, list);
		return;
	}
	for (struct yaml_node *item = list->first; item != NULL; item = item->next) {
		if (++n > key->max) {
			mistake_at(l, item, "%s has %u items; at most %llu would be right",
				   key->path, list->children, (unsigned long long)key->max);
			return;
		}
		if (item->kind != YAML_MAP || item->children == 0) {
			char is[80];

			mistake_at(l, item,
				   "this item of %s is %s; a block of \"key: value\" lines "
				   "would be right",
				   key->path, found(item, is));
		} else if (strcmp(key->path, "nics") == 0) {
			nic_read(l, item);
		} else if (strcmp(key->path, "nics[].vlans") == 0) {
			vlan_read(l, item);
		} else if (strcmp(key->path, "nics[].tunnels") == 0) {
			tunnel_read(l, item);
		} else if (strcmp(key->path, "ports") == 0) {
			end_read(l, item);
		} else {
			map_read(l, item, "grants[]");
		}
	}
}

static void
value_read(struct load *l, const struct table_key *key, struct yaml_node *node)
{
	uint64_t number = 0;

	switch (key->type) {
	case TABLE_MAP:
		if (node->kind != YAML_MAP || node->children == 0)
			mistake_value(l, key, node);
		else
			map_read(l, node, key->path);
		return;
	case TABLE_NUMBERS:
	case TABLE_TEXTS:
		list_read(l, key, node);
		return;
	default:
		if (node->kind == YAML_SCALAR &&
		    scalar_read(key, node->text, node->text_bytes, node->plain, &number))
			value_store(l, key, node->text, number);
		else
			mistake_value(l, key, node);
	}
}

/* Names the keys that were asked for, as "a, b or c". */
static void
keys_list(const char *path, uint8_t flag, char *out, size_t out_bytes)
{
	const struct table_key *key = NULL;
	size_t n = 0;

	out[0] = '\0';
	while ((key = table_next(path, key)) != NULL && n < out_bytes)
		if (flag == 0 || (key->flags & flag) != 0)
			n += (size_t)snprintf(out + n, out_bytes - n, "%s%s", n == 0 ? "" : ", ",
					      table_name(key));
}

static void
mistake_unknown(struct load *l, const char *path, const struct yaml_node *key)
{
	const struct table_key *near = table_nearest(path, key->text);
	const char *where = path[0] == '\0' ? "the file" : path;
	char keys[EXPECTED_BYTES], is[80];

	if (near != NULL) {
		mistake_at(l, key, "unknown key %s in %s; did you mean \"%s\"?", found(key, is),
			   where, table_name(near));
		return;
	}
	keys_list(path, 0, keys, sizeof(keys));
	mistake_at(l, key, "unknown key %s in %s; one of %s would be right", found(key, is), where,
		   keys);
}

/* Exactly one of the keys that exclude each other has to be there. */
static void
one_of_check(struct load *l, struct yaml_node *map, const char *path)
{
	const struct yaml_node *first = NULL;
	char keys[EXPECTED_BYTES];

	keys_list(path, TABLE_ONE_OF, keys, sizeof(keys));
	if (keys[0] == '\0')
		return;
	for (const struct yaml_node *value = map->first; value != NULL; value = value->next) {
		const struct yaml_node *name = value->key;
		const struct table_key *key = table_find(path, name->text, name->text_bytes);

		if (key == NULL || (key->flags & TABLE_ONE_OF) == 0)
			continue;
		if (first != NULL && strcmp(first->text, name->text) != 0) {
			mistake_at(l, name, "%s and %s together; exactly one of %s would be right",
				   first->text, name->text, keys);
			return;
		}
		first = name;
	}
	if (first == NULL)
		mistake_at(l, map, "this item of %s has none of %s; exactly one would be right",
			   path, keys);
}

static void
required_check(struct load *l, struct yaml_node *map, const char *path)
{
	const struct table_key *key = NULL;

	while ((key = table_next(path, key)) != NULL)
		if ((key->flags & TABLE_REQUIRED) != 0 && yaml_get(map, table_name(key)) == NULL)
			mistake_at(l, map, "%s%s has no %s; \"%s: ...\" would be right",
				   path[0] == '\0' ? "the file" : "this item of ", path,
				   table_name(key), table_name(key));
}

/* Makes what the table cannot store. */
static void
map_assemble(struct load *l, struct yaml_node *map, const char *path)
{
	struct config *c = &l->config;

	if (path[0] == '\0')
		assemble_config(l, map);
	else if (strcmp(path, "nics[]") == 0)
		assemble_nic(l, map, (uint16_t)(c->nics_count - 1));
	if (strcmp(path, "nics[]") == 0 || strcmp(path, "nics[].vlans[]") == 0)
		assemble_link(l, map, (uint16_t)(c->links_count - 1));
	else if (strcmp(path, "nics[].tunnels[]") == 0)
		assemble_tunnel(l, map, c->tunnels_count - 1u);
	else if (strcmp(path, "ports[]") == 0)
		assemble_end(l, map, &c->ends[c->ends_count - 1u]);
	else if (strcmp(path, "grants[]") == 0)
		assemble_grant(l, map, &c->grants[c->grants_count++]);
}

/* Reads the map's own values first, then the lists of maps below it, which may rely on them. */
static void
map_read(struct load *l, struct yaml_node *map, const char *path)
{
	const bool workers = strcmp(path, "workers") == 0;
	const uint32_t before = l->mistakes.count;

	for (struct yaml_node *value = map->first; value != NULL; value = value->next) {
		const struct yaml_node *name = value->key;
		const struct table_key *key = table_find(path, name->text, name->text_bytes);

		if (l->mistakes.more > 0)
			return;
		if (key == NULL)
			mistake_unknown(l, path, name);
		else if (yaml_get(map, name->text) != value)
			mistake_at(l, name,
				   "%s is given again, first in line %u; once would be right",
				   key->path, yaml_get(map, name->text)->key->line);
		else if (key->type != TABLE_MAPS)
			value_read(l, key, value);
	}
	required_check(l, map, path);
	one_of_check(l, map, path);
	map_assemble(l, map, path);
	for (struct yaml_node *value = map->first; value != NULL; value = value->next) {
		const struct table_key *key =
			table_find(path, value->key->text, value->key->text_bytes);

		if (key != NULL && key->type == TABLE_MAPS &&
		    yaml_get(map, value->key->text) == value)
			maps_read(l, key, value);
	}
	if (workers)
		l->workers_broken = l->mistakes.count > before;
}

int
config_load_text(const char *name, const char *text, size_t bytes, const struct config_host *host,
		 struct config *out, FILE *errors)
{
	struct load *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return -ENOMEM;
	l->host = host;
	l->places[TABLE_CONFIG] = &l->config;
	rc = yaml_read(text, bytes, &l->mistakes, &l->root);
	if (rc == 0 && l->root->kind != YAML_MAP) {
		mistake_at(l, l->root, "the file is no map; \"key: value\" lines would be right");
	} else if (rc == 0) {
		defaults_apply(l, "");
		map_read(l, l->root, "");
		check_config(l);
	}
	if (rc == -ENOMEM)
		fprintf(errors, "%s: out of memory\n", name);
	if (l->mistakes.count > 0)
		rc = -EINVAL;
	mistakes_print(&l->mistakes, name, errors);
	if (rc == 0)
		*out = l->config;
	yaml_free(l->root);
	free(l);
	return rc;
}

/* Reads at most one byte more than a configuration may have. */
static int
file_read(const char *path, char *text, size_t *bytes)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;
	int rc = 0;

	*bytes = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	while (rc == 0 && *bytes < YAML_BYTES_MAX + 1) {
		n = read(fd, text + *bytes, YAML_BYTES_MAX + 1 - *bytes);
		if (n < 0 && errno != EINTR)
			rc = -errno;
		else if (n == 0)
			break;
		else if (n > 0)
			*bytes += (size_t)n;
	}
	close(fd);
	return rc;
}

/* The cores that this process may use, as they were at the first call: later, threads have masks of
 * their own. */
static int
cores_read(cpu_set_t *out)
{
	static cpu_set_t cores;
	static bool known;

	if (!known && sched_getaffinity(0, sizeof(cores), &cores) < 0)
		return -errno;
	known = true;
	*out = cores;
	return 0;
}

int
config_load(const char *path, struct config *out, FILE *errors)
{
	struct config_host host = { .sys = "/sys", .interface_index = if_nametoindex };
	char *text = malloc(YAML_BYTES_MAX + 1);
	size_t bytes;
	int rc;

	if (text == NULL)
		return -ENOMEM;
	rc = file_read(path, text, &bytes);
	if (rc < 0) {
		fprintf(errors, "%s:1:1: cannot be read: %s; a readable file would be right\n",
			path, strerror(-rc));
	} else if ((rc = cores_read(&host.cores)) != 0) {
		fprintf(errors, "%s:1:1: the cores of this machine are unknown: %s\n", path,
			strerror(-rc));
	} else {
		rc = config_load_text(path, text, bytes, &host, out, errors);
	}
	free(text);
	return rc;
}
