/** A system call, its action (SECCOMP_RET_* with data), and the conditions on its arguments. */
export interface SeccompRule {
  name: string;
  action: number;
  args: { index: number; op: string; value: bigint; valueTwo: bigint }[];
}

/** The abilities of this kernel, and calls that concern niwad itself. */
export interface Host {
  /** The current time of CLOCK_BOOTTIME. */
  boottimeNs(): bigint;
  /** Whether the kernel can id-map the file system of a path; also true if this cannot be found out. */
  canIdmap(path: string): boolean;
  /**
   * Looks at a path without waiting for any file system.
   * @returns the number of the mount in which an absolute path ends that is there and has no link in it; 0 where this
   *   kernel has no such numbers. -1 where this cannot be told without waiting: ask reach()
   */
  plainMount(path: string): number;
  /**
   * Looks at such a path in the same way.
   * @returns the numbers of its device and its inode, "DEVICE INODE"; "" where they cannot be told without waiting
   */
  plainIdentity(path: string): string;
  /** Whether the kernel lets niwad load device filters. */
  canFilterDevices(): boolean;
  /**
   * Gives the id of the container for whose first process a group was prepared (src/kernel/births.ts); "" for all other
   * groups, and where there is none.
   */
  groupOwner(path: string): string;
  /** Whether libseccomp knows a system call, of this machine or another one. */
  knowsCall(name: string): boolean;
  /**
   * Compiles rules to instructions of 8 bytes each.
   * @param narrow whether the rules are for calls of the machine's 32-bit variant, too
   * @throws KernelError if libseccomp refuses the rules
   */
  compileSeccomp(defaultAction: number, rules: readonly SeccompRule[], narrow: boolean): Uint8Array;
  /** Sets how many files a process may have open (RLIMIT_NOFILE). @throws KernelError */
  limitOpenFiles(pid: number, soft: number, hard: number): void;
  /**
   * Locks a directory for this process, until the process ends. @throws KernelError EAGAIN if another process has the
   * lock
   */
  holdDirectory(path: string): void;
  /**
   * Locks a file in the same way; makes it with mode 0600 if it does not exist. Links are not followed. @throws
   * KernelError
   */
  holdFile(path: string): void;
}
