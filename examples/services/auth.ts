import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { common } from './common.js'
import { Refusal, sendJson, startService } from './service.js'
import type { Answers, Call, Service } from './service.js'

const answers: Answers = {
  ...common,
  'POST /login': login
}

export function startAuth (port = 3001): Promise<Service> {
  return startService('auth', answers, port)
}

/** Anybody may log in. Two cookies, because a gateway that joins them to one line breaks both. */
async function login ({ name, request, response }: Call): Promise<void> {
  const username = nameOf(await readText(request))
  const session = randomUUID()
  sendJson(response, 200, { service: name, username, token: `sample.${Buffer.from(username).toString('base64url')}.${session}` }, {
    'set-cookie': [`session=${session}; Path=/; HttpOnly; SameSite=Lax`, 'seen=1; Path=/; Max-Age=31536000']
  })
}

/** A username or an email address; a password may stand beside it, and is not looked at. */
function nameOf (text: string): string {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
  const { username, email }: { username?: unknown, email?: unknown } = Object(body)
  const name = username ?? email
  if (typeof name !== 'string' || name === '') throw new Refusal(400, 'username or email is missing')
  return name
}

async function readText (request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += part
    if (text.length > 10_000) throw new Refusal(413, 'nobody has a name that long')
  }
  return text
}
