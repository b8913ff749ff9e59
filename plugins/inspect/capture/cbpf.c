/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter (McCanne and Jacobson, "The BSD Packet Filter", 1993), with one addition.
 *
 * Each register and memory word carries its origin: KNOWN if its value follows from the flow key,
 * OPAQUE if not.  Nothing happens when an opaque word is computed with; only when the course of
 * the program or its answer would depend on one does tracing end with UNKNOWN.  So a program may
 * load the packet's length and not use it.
 *
 * One case needs more than bytes: "is it a later fragment", as every filter for ports asks it.
 * The half-word at offset 6 of IPv4 holds bits that the key has (more fragments, offset is not
 * zero) beside one that it has not (do not fragment).  It has an origin of its own, FRAGMENT,
 * which is good for the two tests on it that the key can answer.
 */
#include "cbpf.h"

enum insn_class {
	CLASS_LD,
	CLASS_LDX,
	CLASS_ST,
	CLASS_STX,
	CLASS_ALU,
	CLASS_JMP,
	CLASS_RET,
	CLASS_MISC
};
enum size { SIZE_W = 0x00, SIZE_H = 0x08, SIZE_B = 0x10 };
enum mode {
	MODE_IMM = 0x00,
	MODE_ABS = 0x20,
	MODE_IND = 0x40,
	MODE_MEM = 0x60,
	MODE_LEN = 0x80,
	MODE_MSH = 0xa0
};
enum alu {
	ALU_ADD = 0x00,
	ALU_SUB = 0x10,
	ALU_MUL = 0x20,
	ALU_DIV = 0x30,
	ALU_OR = 0x40,
	ALU_AND = 0x50,
	ALU_LSH = 0x60,
	ALU_RSH = 0x70,
	ALU_NEG = 0x80,
	ALU_MOD = 0x90,
	ALU_XOR = 0xa0
};
enum jump { JUMP_A = 0x00, JUMP_EQ = 0x10, JUMP_GT = 0x20, JUMP_GE = 0x30, JUMP_SET = 0x40 };
enum { SOURCE_X = 0x08, RET_A = 0x10, MISC_TXA = 0x80 };
enum { LOAD_MAX = 4, IPV4_HEADER_MAX = 60 };
enum { CODE_CLASS = 0x07, CODE_SIZE = 0x18, CODE_MODE = 0xe0, CODE_OP = 0xf0 };

enum step { STEP_GO, STEP_ACCEPT, STEP_REJECT, STEP_UNKNOWN };

struct word {
	uint32_t value;
	enum origin origin;
};

struct machine {
	const struct frame *f;
	struct keymap *map; /* NULL: run, and ask nobody */
	struct word a, x, memory[CBPF_MEMORY];
	uint32_t pc;
};

/* ---- checking ---------------------------------------------------------------------------- */

static bool load_is_valid(const struct cbpf_insn *in)
{
	uint32_t size = in->code & CODE_SIZE;
	uint32_t mode = in->code & CODE_MODE;

	if ((in->code & CODE_CLASS) == CLASS_LDX && mode == MODE_MSH)
		return size == SIZE_B;
	switch (mode) {
	case MODE_IMM:
	case MODE_LEN:
		return size == SIZE_W;
	case MODE_MEM:
		return size == SIZE_W && in->k < CBPF_MEMORY;
	case MODE_ABS:
	case MODE_IND:
		return (in->code & CODE_CLASS) == CLASS_LD && size != CODE_SIZE;
	default:
		return false;
	}
}

static bool alu_is_valid(const struct cbpf_insn *in)
{
	uint32_t op = in->code & CODE_OP;

	if (op > ALU_XOR || (op == ALU_NEG && (in->code & SOURCE_X)))
		return false;
	if (in->code & SOURCE_X)
		return true;
	if (op == ALU_DIV || op == ALU_MOD)
		return in->k != 0;
	return (op != ALU_LSH && op != ALU_RSH) || in->k < 32;
}

/* 'left': instructions behind this one. */
static bool jump_is_valid(const struct cbpf_insn *in, uint32_t left)
{
	uint32_t op = in->code & CODE_OP;

	if (op == JUMP_A)
		return !(in->code & SOURCE_X) && in->k < left;
	return op <= JUMP_SET && in->jt < left && in->jf < left;
}

static bool insn_is_valid(const struct cbpf_insn *in, uint32_t left)
{
	if (in->code > 0xff)
		return false;
	switch ((enum insn_class)(in->code & CODE_CLASS)) {
	case CLASS_LD:
	case CLASS_LDX:
		return load_is_valid(in);
	case CLASS_ST:
	case CLASS_STX:
		return (in->code & ~(uint32_t)CODE_CLASS) == 0 && in->k < CBPF_MEMORY;
	case CLASS_ALU:
		return alu_is_valid(in);
	case CLASS_JMP:
		return jump_is_valid(in, left);
	case CLASS_RET:
		return (in->code & ~(uint32_t)CODE_CLASS) == 0 || in->code == (CLASS_RET | RET_A);
	case CLASS_MISC:
		return in->code == CLASS_MISC || in->code == (CLASS_MISC | MISC_TXA);
	}
	return false;
}

bool cbpf_is_valid(const struct cbpf_insn *insns, uint32_t count)
{
	if (count == 0 || count > CBPF_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!insn_is_valid(&insns[i], count - i - 1))
			return false;
	}
	return (insns[count - 1].code & CODE_CLASS) == CLASS_RET;
}

static bool is_frame_load(const struct cbpf_insn *in)
{
	uint32_t class = in->code & CODE_CLASS;
	uint32_t mode = in->code & CODE_MODE;

	return (class == CLASS_LD || class == CLASS_LDX) &&
	       (mode == MODE_ABS || mode == MODE_IND || mode == MODE_MSH);
}

/* What is added to places by the index register is the length of an IPv4 header. */
uint32_t cbpf_reach(const struct cbpf_program *program, uint32_t most)
{
	uint64_t reach = 0;

	for (uint32_t i = 0; i < program->count; i++) {
		const struct cbpf_insn *in = &program->insns[i];
		bool is_indirect = (in->code & CODE_MODE) == MODE_IND;
		uint64_t end = (uint64_t)in->k + LOAD_MAX + (is_indirect ? IPV4_HEADER_MAX : 0);

		if (is_frame_load(in) && end > reach)
			reach = end;
	}
	return reach < most ? (uint32_t)reach : most;
}

/* ---- running ----------------------------------------------------------------------------- */

static enum step load_bytes(struct machine *m, uint32_t at, uint32_t size, struct word *out)
{
	uint32_t value = 0;

	if (at >= m->f->linear || size > m->f->linear - at)
		return m->map ? STEP_UNKNOWN : STEP_REJECT; /* another packet may be longer */
	for (uint32_t i = 0; i < size; i++)
		value = value << 8 | frame_byte(m->f, at + i);
	out->value = value;
	out->origin = m->map ? keymap_origin(m->map, m->f, at, size) : ORIGIN_KNOWN;
	return STEP_GO;
}

static uint32_t bytes_of(uint16_t code)
{
	switch (code & CODE_SIZE) {
	case SIZE_W:
		return 4;
	case SIZE_H:
		return 2;
	default:
		return 1;
	}
}

static enum step load_indirect(struct machine *m, const struct cbpf_insn *in, struct word *out)
{
	uint32_t at;

	if (m->x.origin != ORIGIN_KNOWN)
		return STEP_UNKNOWN;
	if (__builtin_add_overflow(m->x.value, in->k, &at))
		return STEP_REJECT;
	return load_bytes(m, at, bytes_of(in->code), out);
}

/* Four times the low half of a byte: the length of an IPv4 header. */
static enum step load_header_length(struct machine *m, const struct cbpf_insn *in, struct word *out)
{
	enum step step = load_bytes(m, in->k, 1, out);

	out->value = (out->value & 0xf) * 4;
	return step;
}

static enum step step_load(struct machine *m, const struct cbpf_insn *in, struct word *out)
{
	switch (in->code & CODE_MODE) {
	case MODE_IMM:
		*out = (struct word){ in->k, ORIGIN_KNOWN };
		return STEP_GO;
	case MODE_LEN:
		*out = (struct word){ m->f->len, m->map ? ORIGIN_OPAQUE : ORIGIN_KNOWN };
		return STEP_GO;
	case MODE_MEM:
		*out = m->memory[in->k];
		return STEP_GO;
	case MODE_ABS:
		return load_bytes(m, in->k, bytes_of(in->code), out);
	case MODE_IND:
		return load_indirect(m, in, out);
	default:
		return load_header_length(m, in, out);
	}
}

static uint32_t compute(uint32_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case ALU_ADD:
		return a + b;
	case ALU_SUB:
		return a - b;
	case ALU_MUL:
		return a * b;
	case ALU_DIV:
		return a / b;
	case ALU_MOD:
		return a % b;
	case ALU_OR:
		return a | b;
	case ALU_AND:
		return a & b;
	case ALU_XOR:
		return a ^ b;
	case ALU_LSH:
		return b < 32 ? a << b : 0;
	case ALU_RSH:
		return b < 32 ? a >> b : 0;
	default:
		return 0u - a;
	}
}

static struct word operand(const struct machine *m, const struct cbpf_insn *in)
{
	return in->code & SOURCE_X ? m->x : (struct word){ in->k, ORIGIN_KNOWN };
}

static enum step step_alu(struct machine *m, const struct cbpf_insn *in)
{
	uint32_t op = in->code & CODE_OP;
	struct word b = operand(m, in);

	if ((op == ALU_DIV || op == ALU_MOD) && b.origin != ORIGIN_KNOWN)
		return STEP_UNKNOWN;
	if ((op == ALU_DIV || op == ALU_MOD) && b.value == 0)
		return STEP_REJECT;
	m->a.value = compute(op, m->a.value, b.value);
	if (m->a.origin != ORIGIN_KNOWN || b.origin != ORIGIN_KNOWN)
		m->a.origin = ORIGIN_OPAQUE;
	return STEP_GO;
}

static bool condition_holds(uint32_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case JUMP_EQ:
		return a == b;
	case JUMP_GT:
		return a > b;
	case JUMP_GE:
		return a >= b;
	default:
		return (a & b) != 0;
	}
}

/* May the program's course depend on this comparison? */
static bool comparison_is_known(const struct machine *m, const struct cbpf_insn *in)
{
	if (m->a.origin == ORIGIN_FRAGMENT && (in->code & (CODE_OP | SOURCE_X)) == JUMP_SET)
		return keymap_tells_fragment(m->map, in->k);
	return m->a.origin == ORIGIN_KNOWN && operand(m, in).origin == ORIGIN_KNOWN;
}

static enum step step_jump(struct machine *m, const struct cbpf_insn *in)
{
	if ((in->code & CODE_OP) == JUMP_A) {
		m->pc += in->k;
		return STEP_GO;
	}
	if (!comparison_is_known(m, in))
		return STEP_UNKNOWN;
	m->pc += condition_holds(in->code & CODE_OP, m->a.value, operand(m, in).value) ? in->jt
										       : in->jf;
	return STEP_GO;
}

static enum step step_return(const struct machine *m, const struct cbpf_insn *in)
{
	struct word answer = { in->k, ORIGIN_KNOWN };

	if (in->code & RET_A)
		answer = m->a;
	if (answer.origin != ORIGIN_KNOWN)
		return STEP_UNKNOWN;
	return answer.value ? STEP_ACCEPT : STEP_REJECT;
}

static enum step step(struct machine *m, const struct cbpf_insn *in)
{
	switch ((enum insn_class)(in->code & CODE_CLASS)) {
	case CLASS_LD:
		return step_load(m, in, &m->a);
	case CLASS_LDX:
		return step_load(m, in, &m->x);
	case CLASS_ST:
		m->memory[in->k] = m->a;
		return STEP_GO;
	case CLASS_STX:
		m->memory[in->k] = m->x;
		return STEP_GO;
	case CLASS_ALU:
		return step_alu(m, in);
	case CLASS_JMP:
		return step_jump(m, in);
	case CLASS_RET:
		return step_return(m, in);
	case CLASS_MISC:
		if (in->code & MISC_TXA)
			m->a = m->x;
		else
			m->x = m->a;
		return STEP_GO;
	}
	return STEP_REJECT;
}

static enum step run(const struct cbpf_program *program, const struct frame *f, struct keymap *map)
{
	struct machine m = { .f = f, .map = map };
	enum step result = STEP_GO;

	while (result == STEP_GO)
		result = step(&m, &program->insns[m.pc++]);
	return result;
}

bool cbpf_run(const struct cbpf_program *program, const struct frame *f)
{
	return run(program, f, NULL) == STEP_ACCEPT;
}

enum cbpf_answer cbpf_trace(const struct cbpf_program *program, const struct frame *f,
			    struct keymap *map)
{
	switch (run(program, f, map)) {
	case STEP_ACCEPT:
		return CBPF_YES;
	case STEP_REJECT:
		return CBPF_NO;
	default:
		return CBPF_UNKNOWN;
	}
}
