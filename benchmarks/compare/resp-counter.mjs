/**
 * Counts the commands in what a client sends to Redis: a command is a list of texts, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`. What
 * comes in may be cut anywhere.
 */
export class RespCounter {
  commands = 0
  /** Bytes of a text that are still to come, with the two at its end. */
  #skip = 0
  #line = ''

  /** @param {Buffer} chunk */
  take(chunk) {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, chunk.length - at)
        this.#skip -= taken
        at += taken
        continue
      }
      const end = chunk.indexOf(0x0a, at)
      if (end === -1) {
        this.#line += chunk.toString('latin1', at)
        return
      }
      this.#head(this.#line + chunk.toString('latin1', at, end))
      this.#line = ''
      at = end + 1
    }
  }

  #head(line) {
    if (line.startsWith('*')) this.commands++
    else if (line.startsWith('$')) this.#skip = Number(line.slice(1)) + 2
  }
}
