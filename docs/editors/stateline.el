;;; stateline.el --- Code completion from Stateline's language server  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0
;; Version: 0.1.0
;; Package-Requires: ((emacs "28.1"))

;;; Commentary:

;; `stateline-mode' shows what would be written next as grey text at point.  It runs beside Eglot
;; or lsp-mode, which have the language's own server.

;;; Code:

(require 'jsonrpc)
(require 'stateline-server)

(defcustom stateline-delay 0
  "Seconds after a change before a completion is asked for.
The server itself waits a moment longer, as long as suits its speed."
  :group 'stateline
  :type 'number)

(defface stateline-ghost '((t :inherit shadow))
  "What would be written next."
  :group 'stateline)

(defconst stateline--rest-seconds 0.15
  "After so long without a key the server reads ahead.")

(defconst stateline--by-key 1 "As the protocol calls a request that a person makes.")
(defconst stateline--while-typing 2 "And another one.")

(defvar-local stateline--asked nil "Number of the request that has no answer yet.")
(defvar-local stateline--timer nil "Asks, or has the server read ahead.")
(defvar-local stateline--at nil "Where point was after the last command.")
(defvar-local stateline--ghost nil
  "Overlay of what is shown, over what that takes the place of.
Its keys are on while it is there.")

;;;; Asking

(defun stateline--after-command ()
  "Follow what the command did."
  (with-demoted-errors "Stateline: %S"
    (when (stateline--live)
      (stateline--follow)
      (let ((changed stateline--before))
        (when (or changed (not (eql stateline--at (point))))
          (setq stateline--at (point))
          (stateline--cancel)
          (stateline--send)
          (setq stateline--timer
                (run-with-timer (if changed stateline-delay stateline--rest-seconds) nil
                                #'stateline--pause (current-buffer) changed)))))))

(defun stateline--pause (buffer changed)
  "In BUFFER ask for what follows if it CHANGED, else tell where point came to rest."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer
      (cond ((not (stateline--live)))
            ((not changed)
             (stateline--tell :stateline/cursorRests :position (stateline--position (point))))
            ;; A list of candidates is in the way.
            ((not (or completion-in-region-mode (bound-and-true-p company-candidates)))
             (stateline--ask stateline--while-typing))))))

(defun stateline--cancel ()
  "Take back what was not asked or answered yet."
  (when stateline--timer (cancel-timer stateline--timer))
  (when (and stateline--asked (stateline--live))
    (jsonrpc-notify (stateline--live) :$/cancelRequest `(:id ,stateline--asked)))
  (setq stateline--timer nil stateline--asked nil))

(defun stateline--ask (kind)
  "Ask for what follows point, as a request of KIND."
  (stateline--cancel)
  (stateline--send)
  (let ((buffer (current-buffer)) (point (point)) (tick (buffer-chars-modified-tick)) id)
    ;; `jsonrpc-async-request' keeps the number to itself in Emacs 28.
    (setq id (car (jsonrpc--async-request-1
                   (stateline--live) :textDocument/inlineCompletion
                   `( :textDocument (:uri ,stateline--uri) :position ,(stateline--position point)
                      :context (:triggerKind ,kind) :tabSize ,tab-width)
                   :timeout nil
                   :error-fn #'ignore
                   :success-fn
                   (lambda (items)
                     (when (buffer-live-p buffer)
                       (with-current-buffer buffer
                         (when (eql id stateline--asked)
                           (setq stateline--asked nil)
                           (when (and (= point (point)) (= tick (buffer-chars-modified-tick)))
                             (stateline--show (append items nil)))))))))
          stateline--asked id)))

(defun stateline--ask-better (point)
  "Ask once more if the cursor is still at POINT."
  (when (= point (point)) (stateline--ask stateline--while-typing)))

;;;; The grey text

(defun stateline--show (items)
  "Show the first of ITEMS, which begins at point."
  (stateline--dismiss)
  (when items
    (let* ((item (car items)) (end (plist-get (plist-get item :range) :end)))
      (setq stateline--ghost (make-overlay (point) (max (point) (stateline--point end))))
      (overlay-put stateline--ghost 'items items)
      (overlay-put stateline--ghost 'right (stateline--right))
      (stateline--draw (plist-get item :insertText)))))

(defun stateline--right ()
  "What is to the right and stays."
  (stateline--whole
    (goto-char (max (point) (overlay-end stateline--ghost)))
    (buffer-substring-no-properties (point) (line-end-position))))

(defun stateline--draw (text)
  "Show TEXT."
  (let ((shown (propertize text 'face 'stateline-ghost))
        (empty (= (overlay-start stateline--ghost) (overlay-end stateline--ghost))))
    (put-text-property 0 1 'cursor t shown)
    (overlay-put stateline--ghost 'text text)
    (overlay-put stateline--ghost 'after-string (and empty shown))
    (overlay-put stateline--ghost 'display (unless empty shown))))

(defun stateline--follow ()
  "Keep what is not typed yet; anything else than typing it ends it."
  (when stateline--ghost
    (let* ((text (overlay-get stateline--ghost 'text)) (from (overlay-start stateline--ghost))
           (typed (and (<= from (point)) (buffer-substring-no-properties from (point)))))
      (cond ((not (and typed (string-prefix-p typed text) (not (string= typed text))
                       (string= (stateline--right) (overlay-get stateline--ghost 'right))))
             (stateline--dismiss))
            ((< from (point))
             (move-overlay stateline--ghost (point) (max (point) (overlay-end stateline--ghost)))
             (stateline--draw (substring text (length typed))))))))

(defun stateline--dismiss ()
  "Show nothing."
  (when stateline--ghost (delete-overlay stateline--ghost))
  (setq stateline--ghost nil))

;;;; Commands

(defun stateline-complete ()
  "Ask for what would be written here; asked again, show the next alternative."
  (interactive)
  (let ((items (and stateline--ghost (overlay-get stateline--ghost 'items))))
    (cond ((not (stateline--live)) (user-error "Stateline's server does not serve this buffer"))
          ((cdr items) (stateline--show (append (cdr items) (list (car items)))))
          (t (stateline--ask stateline--by-key)))))

(defun stateline-accept ()
  "Write all that is shown."
  (interactive)
  (let* ((ghost stateline--ghost) (item (car (overlay-get ghost 'items)))
         (accepted (plist-get item :command)))
    (delete-region (point) (overlay-end ghost))
    (stateline--dismiss)
    (insert (overlay-get ghost 'text))
    (stateline--send)
    (jsonrpc-async-request (stateline--live) :workspace/executeCommand
                           `( :command ,(plist-get accepted :command)
                              :arguments ,(plist-get accepted :arguments)))))

(defun stateline-accept-word ()
  "Write the first word that is shown."
  (interactive)
  (let ((text (overlay-get stateline--ghost 'text)))
    (string-match "\\`[[:space:]\n]*\\(?:[[:alnum:]_$]+\\|[^[:alnum:]_$[:space:]\n]*\\)" text)
    (if (= (match-end 0) (length text))
        (stateline-accept)
      (insert (match-string 0 text)))))

(defun stateline-dismiss ()
  "Show nothing until something changes."
  (interactive)
  (stateline--cancel)
  (stateline--dismiss))

;;;; The mode

(defvar stateline-ghost-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "TAB") #'stateline-accept)
    (define-key map (kbd "<tab>") #'stateline-accept)
    (define-key map (kbd "M-f") #'stateline-accept-word)
    (define-key map (kbd "C-<right>") #'stateline-accept-word)
    (define-key map (kbd "C-g") #'stateline-dismiss)
    map)
  "Keys while something is shown.")

(add-to-list 'minor-mode-map-alist (cons 'stateline--ghost stateline-ghost-map))

(defvar stateline-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "C-c \\") #'stateline-complete)
    map)
  "Keys of the mode.")

(defun stateline--lighter ()
  "What the mode line says; also, whether text leaves this machine."
  (let* ((status (and (stateline--live) (stateline--status (stateline--server))))
         (state (plist-get status :state)) (remote (plist-get status :remote)))
    (concat " Stateline"
            (cond ((null status) ":off") ((not (equal state "ready")) (concat ":" state)))
            (when (eq t (plist-get remote :leavesMachine))
              (concat "->" (plist-get remote :host))))))

;;;###autoload
(define-minor-mode stateline-mode
  "Show what would be written next as grey text, in a file on this machine."
  :lighter (:eval (stateline--lighter))
  (when (and buffer-file-name (not (file-remote-p buffer-file-name)))
    (if stateline-mode
        (add-hook 'post-command-hook #'stateline--after-command nil t)
      (remove-hook 'post-command-hook #'stateline--after-command t))
    (stateline--serve stateline-mode)))

(add-hook 'stateline--better-functions #'stateline--ask-better)
(add-hook 'stateline--forget-hook #'stateline-dismiss)

(provide 'stateline)
;;; stateline.el ends here
