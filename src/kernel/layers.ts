/** A file to make in an image's layer. Names are bytes, because they need not be UTF-8. */
export interface LayerEntry {
  kind: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'whiteout' | 'opaque';
  /** The path relative to the layer's root, without "." and "..". */
  path: Buffer;
  /** For a symlink its content; for a hard link a path in the form of `path`. */
  target: Buffer;
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  /** Names and values. */
  xattrs: readonly (readonly [Buffer, Buffer])[];
}

/** The result of making an entry of a layer. */
export interface MadeEntry {
  /**
   * For a file, the open descriptor, which the caller owns: the caller writes the content and then calls {@link
   * Layers.finish}. -1 for all others.
   */
  fd: number;
  /**
   * The directories whose times have to be set in the end, with their paths without links: the directory of the entry,
   * and those that were missing above it.
   */
  directories: Pick<LayerEntry, 'path' | 'mtimeSec' | 'mtimeNsec'>[];
  /** The size of a file that was copied from a layer below, because the entry is a hard link to it. */
  copiedBytes: number;
}

/** Makes and reads the files of images' layers. */
export interface Layers {
  /**
   * Gives the empty root of a layer the metadata of the root below it. `layers` are open descriptors of the layer's
   * directory and of the directories of the layers below, topmost first.
   * @throws KernelError
   */
  begin(layers: readonly number[]): Promise<MadeEntry>;
  /**
   * Makes a file of a layer below the first directory of `layers`. The other layers show the files that are already
   * there. Nothing outside the first directory is changed, whatever the paths contain.
   * @throws KernelError EFBIG if more than `maxBytes` would have to be copied
   */
  make(layers: readonly number[], entry: LayerEntry, maxBytes: number): Promise<MadeEntry>;
  /** Sets owner, mode, extended attributes and time of an open file. @throws KernelError */
  finish(fd: number, entry: LayerEntry): Promise<void>;
  /** Sets the time of a directory after the last entry in it is made. @throws KernelError */
  setTime(root: number, entry: LayerEntry): Promise<void>;
  /** Writes the file system of a descriptor to its disk (syncfs). @throws KernelError */
  sync(fd: number): Promise<void>;
  /**
   * Reads a file as an overlay of the directories, topmost first, would show it. Links cannot lead outside.
   * @throws KernelError ENOENT, EINVAL if it is not a regular file, EFBIG for more than `maxBytes`, ELOOP for more than
   *   2048 lookups, EXDEV if something is mounted on the way
   */
  read(layers: readonly string[], path: string, maxBytes: number): Buffer;
}
