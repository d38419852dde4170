/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The symbols of the kernels. Any number of generated networks may be linked into one program, each with the kernels that it
 * uses: in generated code a kernel's symbol ends with the version of the runtime, and its definition is weak. Of equal kernels
 * the linker keeps one, those of different versions stand side by side. */
#ifndef TP_NAMES_H
#define TP_NAMES_H

/* NAMES */

#endif
