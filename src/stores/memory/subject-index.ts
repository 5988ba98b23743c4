/** Which keys belong to which subject. A subject without keys takes no room. */
export class SubjectIndex {
  readonly #keys = new Map<string, Set<string>>()

  of(subject: string): readonly string[] {
    return [...(this.#keys.get(subject) ?? [])]
  }

  add(subject: string | undefined, key: string): void {
    if (subject === undefined) return
    const keys = this.#keys.get(subject)
    if (keys) keys.add(key)
    else this.#keys.set(subject, new Set([key]))
  }

  remove(subject: string | undefined, key: string): void {
    if (subject === undefined) return
    const keys = this.#keys.get(subject)
    if (keys?.delete(key) && keys.size === 0) this.#keys.delete(subject)
  }

  clear(): void {
    this.#keys.clear()
  }
}
