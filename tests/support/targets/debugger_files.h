/* debugger_files.h: files of a board by semihosting: in.f32, out.f32 and ticks.u32, what each hop took by a clock. */
enum { OPEN = 1, WRITE = 5, READ = 6, EXIT = 0x18 };
enum { READ_BINARY = 1, WRITE_BINARY = 5, APPLICATION_EXIT = 0x20026 };

static unsigned input, output, ticks_file;

static unsigned opened(const char *name, unsigned mode, unsigned length) {
    const unsigned arguments[] = {(unsigned)name, mode, length};
    return call(OPEN, arguments);
}

static void begin(void) {
    begin_processor();
    input = opened("in.f32", READ_BINARY, 6);
    output = opened("out.f32", WRITE_BINARY, 7);
    ticks_file = opened("ticks.u32", WRITE_BINARY, 9);
}

/* Semihosting returns how many bytes are missing. */
static int fill(void *to, unsigned size) {
    const unsigned arguments[] = {input, (unsigned)to, size};
    return call(READ, arguments) == 0;
}

static void put_to(unsigned file, const void *from, unsigned size) {
    const unsigned arguments[] = {file, (unsigned)from, size};
    call(WRITE, arguments);
}

static void put(const void *from, unsigned size) { put_to(output, from, size); }

static void leave(void) {
    for (;;) call(EXIT, (const void *)APPLICATION_EXIT);
}

#define BEFORE_HOP const unsigned before = NOW;
#define AFTER_HOP                              \
    const unsigned ticks = ticks_since(before); \
    put_to(ticks_file, &ticks, sizeof ticks);
