// Search in pages that are opened from a file: browsers refuse workers there, so its script runs in a hidden frame.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.inner = frame.contentWindow
      this.inner.answer = data => this.dispatchEvent(new MessageEvent("message", { data }))
      this.loaded = new Promise(resolve => { this.inner.start = resolve })
      this.inner.document.write(
        `<script>postMessage = answer</script><script src="${url}" onload="start()"></script>`
      )
      this.inner.document.close()
    }

    postMessage(data) {
      this.loaded.then(() => this.inner.dispatchEvent(new this.inner.MessageEvent("message", { data })))
    }
  }
  window.Worker = window.IFrameWorker
}
