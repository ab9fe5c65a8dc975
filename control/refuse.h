/* SPDX-License-Identifier: BSD-3-Clause */
/* refuse.h: a refusal: its errno, and the sentence that goes with it. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "common/abi/message.h"

/* Writes the sentence to `why`, of MESSAGE_TEXT_BYTES, and returns `error`. */
__attribute__((format(printf, 3, 4))) static inline int
refuse(char *why, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, MESSAGE_TEXT_BYTES, format, arguments);
	va_end(arguments);
	return error;
}
