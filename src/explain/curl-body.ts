import { textOf } from './asked-request.js'

/** What curl makes of the options for a body. */
export class CurlBody {
  /** Of `--data` and its like; `undefined` where there is none. */
  data: string | undefined
  isJson = false
  isForm = false
  /** What is left out. */
  readonly notes: string[] = []

  /** @param readsFiles whether an `@` in front names a file */
  addData (value: string, readsFiles: boolean): void {
    this.#add(readsFiles && value.startsWith('@') ? this.#file(value.slice(1)) : value, '&')
  }

  /** Several are one after the other. */
  addJson (value: string): void {
    this.isJson = true
    this.#add(value.startsWith('@') ? this.#file(value.slice(1)) : value, '')
  }

  addEncoded (value: string): void {
    this.#add(this.encoded(value), '&')
  }

  /** `content`, `=content`, `name=content`, `@file`, `name@file`: encoded as the form of a page is. */
  encoded (value: string): string {
    const end = value.includes('=') ? value.indexOf('=') : value.indexOf('@')
    if (end === -1) return formEncoded(value)
    const name = value.slice(0, end)
    const content = value[end] === '@' ? this.#file(value.slice(end + 1)) : formEncoded(value.slice(end + 1))
    return name === '' ? content : `${name}=${content}`
  }

  addForm (): void {
    if (!this.isForm) this.notes.push('The form is sent without its parts')
    this.isForm = true
  }

  #add (part: string, separator: string): void {
    this.data = this.data === undefined ? part : this.data + separator + part
  }

  #file (name: string): string {
    this.notes.push(notRead(name))
    return ''
  }
}

/** Files of whoever asks are not here. */
export function notRead (file: string): string {
  return `The file ${textOf(file)} is not read`
}

function formEncoded (bytes: string): string {
  return bytes.replace(/[^\w.~-]/g, byte => byte === ' ' ? '+' : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
