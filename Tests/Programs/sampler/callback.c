// enqueue_here: called by Swift's runtime in a task, allocates with a word in its frame that looks like an address, where an async function would keep its
// context. Goes on in enqueue_there.
__asm__(
  ".text\n"
  ".globl enqueue_here\n"
  ".type enqueue_here, @function\n"
  "enqueue_here:\n"
  "  push %rbp\n"
  "  mov %rsp, %rbp\n"
  "  push $0x10008\n"
  "  push %rdi\n"
  "  mov $100, %edi\n"
  "  call malloc@PLT\n"
  "  mov %rax, %rdi\n"
  "  call free@PLT\n"
  "  pop %rdi\n"
  "  add $8, %rsp\n"
  "  pop %rbp\n"
  "  jmp enqueue_there@PLT\n"
  ".size enqueue_here, . - enqueue_here\n"
  ".section .note.GNU-stack, \"\", @progbits\n");
