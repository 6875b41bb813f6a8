import { useState } from 'react'
import { createRoot } from 'react-dom/client'

// One base URL for all services.
const API = import.meta.env.VITE_API ?? 'http://localhost:3000/api'

/** With cookies; and with a header that a page may only send when the gateway has said so to a preflight. */
async function ask (path, options) {
  const response = await fetch(`${API}${path}`, { ...options, credentials: 'include', headers: { 'x-app': 'front end', 'content-type': 'application/json' } })
  const body = await response.json()
  if (!response.ok) throw new Error(`${body.error.message} (${body.requestId})`)
  return body
}

function App () {
  const [text, setText] = useState('Nobody is logged in.')

  async function logIn () {
    try {
      await ask('/auth/login', { method: 'POST', body: JSON.stringify({ email: 'a@example.com' }) })
      const { email } = await ask('/profile/me')
      setText(`Logged in as ${email}.`)
    } catch (error) {
      setText(error.message)
    }
  }

  return (
    <>
      <p role='status'>{text}</p>
      <button onClick={logIn}>Log in</button>
    </>
  )
}

createRoot(document.getElementById('app')).render(<App />)
