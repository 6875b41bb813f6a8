/** The gateway's entry in Via, by which services see who was on the way, and the gateway sees itself. */
export class Via {
  readonly #name: string
  /** For the version that nearly every message has. */
  readonly #http11: string

  /** @param name of this gateway alone: another one of that name on the way would be taken for a loop */
  constructor (name: string) {
    this.#name = name
    this.#http11 = `1.1 ${name}`
  }

  /** @param version of HTTP in which the message came to the gateway, as Node has it (RFC 9110 section 7.6.3) */
  entry (version: string): string {
    return version === '1.1' ? this.#http11 : `${version === '2.0' ? '2' : version} ${this.#name}`
  }

  /** Whether a Via field has an entry of the gateway's, whatever its version and comment. */
  isIn (field: string): boolean {
    return field.includes(this.#name) && field.split(',').some(entry => entry.trim().split(/\s+/)[1] === this.#name)
  }
}
