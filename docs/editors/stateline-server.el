;;; stateline-server.el --- A project's server, and its documents  -*- lexical-binding: t -*-

;; SPDX-License-Identifier: Apache-2.0

;;; Commentary:

;; A part of stateline.el.  Each project has a server, which is told what each command changed.

;;; Code:

(require 'cl-lib)
(require 'jsonrpc)
(require 'project)
(require 'url-util)

(defgroup stateline nil
  "Code completion from a model on this machine."
  :group 'completion)

(defcustom stateline-command '("stateline" "--stdio")
  "Program of the server, and its arguments; a file or folder cannot set it."
  :type '(repeat string))

(defcustom stateline-settings nil
  "Settings of the server, by their names without \"stateline.\": (:maxLines 4).
A file or folder cannot set them."
  :type 'plist)

(defvar stateline--better-functions nil
  "Called in a buffer with a place for which the server has a better text.")

(defvar stateline--forget-hook nil
  "Run in a buffer that the server is about to forget.")

(defvar-local stateline--root 'unknown
  "Folder of the buffer's project, nil for a file of none; unknown: it is not to be served.")

(defvar-local stateline--uri nil "The document's name; nil: the server does not know it.")
(defvar-local stateline--version 0 "How often the document changed.")
(defvar-local stateline--known nil "A buffer with the text that the server knows.")
(defvar-local stateline--before nil "Characters before all changes since; nil: none.")
(defvar-local stateline--behind nil "Characters behind all changes since.")

;;;; Processes

(defclass stateline-server (jsonrpc-process-connection)
  ((status :initform nil :accessor stateline--status
           :documentation "What it said last of itself; nil while it is started.")))

(defvar stateline--servers (make-hash-table :test #'equal)
  "Servers by their project's folder; nil is one that ended or did not start.")

(defun stateline--server ()
  "The server of the buffer's project, or nil."
  (gethash stateline--root stateline--servers))

(defun stateline--start ()
  "Start the server of the buffer's project, unless one was started before."
  (when (eq 'none (gethash stateline--root stateline--servers 'none))
    (puthash stateline--root
             (condition-case problem (stateline--connect stateline--root)
               (error (message "Stateline's server does not start: %s; see `stateline-command'."
                               (error-message-string problem))
                      nil))
             stateline--servers)))

(defun stateline--connect (root)
  "Answer a server that reads the folder ROOT."
  (let* ((name (format "stateline %s" (or root "")))
         (server (apply #'make-instance 'stateline-server
                        :name name
                        :process (lambda () (stateline--process name))
                        :notification-dispatcher #'stateline--hear
                        :on-shutdown (lambda (server) (stateline--ended server root))
                        ;; Texts are not for a log, and a log of them is slow.
                        (if (slot-exists-p 'jsonrpc-connection '-events-buffer-config)
                            '(:events-buffer-config (:size 0 :format short))
                          '(:events-buffer-scrollback-size 0)))))
    (jsonrpc-async-request
     server :initialize
     `( :processId ,(emacs-pid)
        :rootUri nil
        :workspaceFolders ,(if root (vector `(:uri ,(stateline--uri root) :name ,root)) [])
        :capabilities (:textDocument (:inlineCompletion ,(make-hash-table)))
        :initializationOptions
        (:settings ,(default-value 'stateline-settings) :sendsEachKey t :takesLateTexts t))
     :timeout nil
     :success-fn (lambda (_)
                   (jsonrpc-notify server :initialized (make-hash-table))
                   (setf (stateline--status server) '(:state "loading"))
                   ;; What sends much must not read messages: before Emacs 30 those that come
                   ;; meanwhile are lost (bug#60088).
                   (run-at-time 0 nil #'stateline--in-buffers #'stateline--open server)))
    server))

(defun stateline--process (name)
  "Start the program of server NAME, not in the project: that could bring a program."
  (let ((default-directory (expand-file-name "~/")))
    (make-process :name name :command (default-value 'stateline-command)
                  :connection-type 'pipe :coding 'utf-8-emacs-unix :noquery t
                  :stderr (get-buffer-create (format "*%s stderr*" name)))))

(defun stateline--ended (server root)
  "Forget SERVER, which served ROOT."
  (when (eq server (gethash root stateline--servers))
    (stateline--in-buffers #'stateline--forget server)
    (puthash root nil stateline--servers)
    (message "Stateline's server ended; M-x stateline-restart starts it again.")))

(defun stateline--hear (server method params)
  "Take up what SERVER says: METHOD, a symbol, with PARAMS."
  (pcase method
    ('stateline/statusChanged
     (setf (stateline--status server) params)
     (force-mode-line-update t))
    ('stateline/betterText
     (run-at-time 0 nil #'stateline--in-buffers (lambda () (stateline--better params)) server))
    ('window/showMessage (message "Stateline: %s" (plist-get params :message)))))

(defun stateline--better (place)
  "Say so if PLACE, for which there is a better text, is in the buffer as it is."
  (let ((document (plist-get place :textDocument)))
    (when (and (equal stateline--uri (plist-get document :uri))
               (eql stateline--version (plist-get document :version)))
      (run-hook-with-args 'stateline--better-functions
                          (stateline--point (plist-get place :position))))))

(defun stateline--in-buffers (function &optional server)
  "Call FUNCTION in each buffer that is to be served, or that SERVER is to serve."
  (dolist (buffer (buffer-list))
    (when (buffer-live-p buffer) ; FUNCTION may end some.
      (with-current-buffer buffer
        (when (and (not (eq stateline--root 'unknown))
                   (or (null server) (eq server (stateline--server))))
          (funcall function))))))

(defun stateline-restart ()
  "Start the servers again, as `stateline-command' and `stateline-settings' are now."
  (interactive)
  (stateline--in-buffers #'stateline--close)
  (let ((servers (delq nil (hash-table-values stateline--servers))))
    (clrhash stateline--servers)
    (dolist (server servers)
      (ignore-errors (jsonrpc-request server :shutdown nil :timeout 3))
      (ignore-errors (jsonrpc-notify server :exit nil))))
  (stateline--in-buffers #'stateline--open))

;;;; Places, as the protocol counts them: lines from 0, and UTF-16 units in them

(defmacro stateline--whole (&rest body)
  "Evaluate BODY in the whole buffer, wherever that leads point."
  (declare (indent 0))
  `(save-excursion (save-restriction (widen) ,@body)))

(defun stateline--units (text)
  "How many UTF-16 units TEXT has."
  (+ (length text) (cl-count-if (lambda (character) (< #xffff character #x110000)) text)))

(defun stateline--position (point)
  "The protocol's position of POINT."
  (stateline--whole
    (goto-char point)
    (forward-line 0)
    (list :line (1- (line-number-at-pos))
          :character (stateline--units (buffer-substring-no-properties (point) point)))))

(defun stateline--point (position)
  "Where the protocol's POSITION is, at its line's end at most."
  (stateline--whole
    (goto-char (point-min))
    (forward-line (plist-get position :line))
    (let ((left (plist-get position :character)))
      (while (and (> left 0) (not (eolp)))
        (setq left (- left (stateline--units (string (following-char)))))
        (forward-char)))
    (point)))

;;;; Buffers as documents

(defconst stateline--languages
  '(("bash" . "shellscript") ("c++" . "cpp") ("gfm" . "markdown") ("js" . "javascript")
    ("js2" . "javascript") ("mhtml" . "html") ("objc" . "objective-c") ("sh" . "shellscript")
    ("text" . "plaintext") ("tsx" . "typescriptreact") ("tuareg" . "ocaml"))
  "Languages by the names of their modes, where those are not the same.")

(defun stateline--language ()
  "The buffer's language, as the protocol names it."
  (let ((name (replace-regexp-in-string "\\(-ts\\)?-mode\\'" "" (symbol-name major-mode))))
    (alist-get name stateline--languages (downcase name) nil #'equal)))

(defun stateline--uri (path)
  "The URI of PATH."
  (let ((path (directory-file-name (expand-file-name path))))
    (concat "file://" (unless (string-prefix-p "/" path) "/")
            (url-hexify-string path url-path-allowed-chars))))

(defun stateline--sendable (text)
  "TEXT, as long as it is, without bytes that are no characters and line ends of others."
  (subst-char-in-string ?\r ?\s (replace-regexp-in-string "[\x3fff80-\x3fffff]" "\xfffd" text)))

(defun stateline--live ()
  "The server, if it runs and knows the buffer."
  (let ((server (and stateline--uri (stateline--server))))
    (and server (jsonrpc-running-p server) server)))

(defun stateline--tell (method &rest params)
  "Notify the server of METHOD, the document and PARAMS."
  (jsonrpc-notify (stateline--live) method `(:textDocument (:uri ,stateline--uri) ,@params)))

(defun stateline--open ()
  "Have the server know the buffer, now or as soon as it can listen."
  (stateline--start)
  (when (and buffer-file-name (stateline--server) (stateline--status (stateline--server)))
    (setq stateline--uri (stateline--uri buffer-file-name)
          stateline--version 0)
    (jsonrpc-notify (stateline--server) :textDocument/didOpen
                    `(:textDocument
                      ( :uri ,stateline--uri :languageId ,(stateline--language) :version 0
                        :text ,(stateline--sendable (stateline--remember)))))))

(defun stateline--remember ()
  "Keep a copy of the buffer's text, and answer that."
  (let ((text (stateline--whole (buffer-substring-no-properties 1 (point-max)))))
    (setq stateline--before nil
          stateline--known (generate-new-buffer " *stateline*" t))
    (with-current-buffer stateline--known (insert text))
    text))

(defun stateline--close ()
  "Have the server forget the buffer."
  (let ((server (stateline--live)) (uri stateline--uri))
    (stateline--forget)
    (when server (jsonrpc-notify server :textDocument/didClose `(:textDocument (:uri ,uri))))))

(defun stateline--forget ()
  "Note that the server does not know the buffer."
  (run-hooks 'stateline--forget-hook)
  (when stateline--known (kill-buffer stateline--known))
  (setq stateline--uri nil stateline--known nil))

(defun stateline--note (from to _length)
  "Note that what is between FROM and TO is new."
  (let ((before (1- from)) (behind (- (1+ (buffer-size)) to)))
    (setq stateline--behind (if stateline--before (min behind stateline--behind) behind)
          stateline--before (if stateline--before (min before stateline--before) before))))

(defun stateline--send ()
  "Send what changed since the last time as one change: by it the server counts keys."
  (when stateline--before
    (let* ((from (1+ stateline--before)) (behind stateline--behind)
           (text (stateline--whole (buffer-substring-no-properties from (- (point-max) behind))))
           (places (with-current-buffer stateline--known
                     (stateline--replace from (- (point-max) behind) text))))
      (setq stateline--before nil)
      (when places
        (jsonrpc-notify
         (stateline--live) :textDocument/didChange
         `( :textDocument (:uri ,stateline--uri :version ,(cl-incf stateline--version))
            :contentChanges [( :range (:start ,(car places) :end ,(cdr places))
                               :text ,(stateline--sendable text))]))))))

(defun stateline--replace (from to text)
  "Put TEXT in place of what is between FROM and TO.
Answer their positions before, or nil where it is the same text."
  (unless (string= text (buffer-substring from to))
    (prog1 (cons (stateline--position from) (stateline--position to))
      (delete-region from to)
      (goto-char from)
      (insert text))))

(defun stateline--saved ()
  "Tell that the file on disk is new."
  (when (stateline--live)
    (stateline--send)
    (stateline--tell :textDocument/didSave)))

(defun stateline--renamed ()
  "Have the server know the buffer by its new name."
  (stateline--close)
  (stateline--open))

(defun stateline--serve (wanted)
  "Have a server serve the buffer if WANTED, else no more."
  (pcase-dolist (`(,hook . ,function)
                 '((after-change-functions . stateline--note)
                   (after-save-hook . stateline--saved)
                   (after-set-visited-file-name-hook . stateline--renamed)
                   (kill-buffer-hook . stateline--close)
                   (change-major-mode-hook . stateline--close)))
    (if wanted (add-hook hook function nil t) (remove-hook hook function t)))
  (if wanted
      (let ((project (project-current)))
        (setq stateline--root (and project (expand-file-name (project-root project))))
        (stateline--open))
    (stateline--close)
    (setq stateline--root 'unknown)))

(provide 'stateline-server)
;;; stateline-server.el ends here
